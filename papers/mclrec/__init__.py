"""MCLRec: meta-optimized contrastive learning for sequential recommendation (SIGIR 2023)."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="mclrec",
    title="Meta-optimized Contrastive Learning for Sequential Recommendation",
    authors="Qin, Yuan, Zhao, Fang, Zhuang, Liu, Liu, Sheng",
    summary=(
        "MCLRec recommends the next item of a user's sequence of actions. A transformer (SASRec) "
        "learns to predict the next item, and two random edits of each sequence are contrasted. "
        "Two small learned networks, the augmenters, turn the outputs into further views that are "
        "contrasted too, which gives more pairs without a larger batch. The augmenters are "
        "updated in a step of their own, against the encoder as it was just updated, and a "
        "regulariser keeps their views from drifting apart or together."
    ),
    venue="SIGIR",
    year=2023,
    arxiv="2304.07763",
    bibtex="""@inproceedings{qin2023meta,
  title     = {Meta-optimized Contrastive Learning for Sequential Recommendation},
  author    = {Qin, Xiuyuan and Yuan, Huanhuan and Zhao, Pengpeng and Fang, Junhua and
               Zhuang, Fuzhen and Liu, Guanfeng and Liu, Yanchi and Sheng, Victor S.},
  booktitle = {Proceedings of the 46th International ACM SIGIR Conference on Research and
               Development in Information Retrieval},
  pages     = {89--98},
  year      = {2023},
  doi       = {10.1145/3539618.3591727},
}""",
    target="next item",
    modalities=("sequences",),
    module_class="MCLRec",
    config_class="MCLRecConfig",
    protocols=("ranking",),
    # Each of the three updates leaves the other part's parameters without a gradient.
    ddp_strategy="ddp_find_unused_parameters_true",
    manual_optimization=True,
    microbatch_refusal="its memory is the scores of all items, not what its encoder keeps",
    own_sets={
        "sessions": DataSet("readers.sessions:sessions", generated=True),
    },
)

if TYPE_CHECKING:
    from papers.mclrec.config import MCLRecConfig as MCLRecConfig
    from papers.mclrec.module import MCLRec as MCLRec
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
