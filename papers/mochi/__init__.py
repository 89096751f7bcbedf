"""MoCHi: hard negative mixing for MoCo."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="mochi",
    title="Hard Negative Mixing for Contrastive Learning",
    authors="Kalantidis, Sariyildiz, Pion, Weinzaepfel, Larlus",
    summary=(
        "MoCHi makes negatives that are harder than those in MoCo's queue. For each query it "
        "takes the nearest keys of the queue and mixes two of them, or one with the query itself. "
        "The mixtures are unit vectors without gradient, new in each step and private to their "
        "query; they never enter the queue. The queue's own keys stay negatives, too."
    ),
    venue="NeurIPS",
    year=2020,
    arxiv="2010.01028",
    bibtex="""@inproceedings{kalantidis2020hard,
  title     = {Hard Negative Mixing for Contrastive Learning},
  author    = {Kalantidis, Yannis and Sariyildiz, Mert Bulent and Pion, Noe and
               Weinzaepfel, Philippe and Larlus, Diane},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2020}
}""",
    target="none",
    modalities=("images",),
    module_class="MoCHi",
    config_class="MoCHiConfig",
    protocols=("knn", "linear", "uniformity-tolerance", "linear-sgd"),
    own_data={"image-folder": "photos"},
)

if TYPE_CHECKING:
    from papers.mochi.config import MoCHiConfig as MoCHiConfig
    from papers.mochi.module import MoCHi as MoCHi
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
