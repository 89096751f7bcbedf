"""MCLRec: meta-optimized contrastive learning for sequential recommendation (SIGIR 2023)."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="mclrec",
    title="Meta-optimized Contrastive Learning for Sequential Recommendation",
    authors="Qin, Yuan, Zhao, Fang, Zhuang, Liu, Liu, Sheng",
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
)

if TYPE_CHECKING:
    from papers.mclrec.config import MCLRecConfig as MCLRecConfig
    from papers.mclrec.module import MCLRec as MCLRec
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
