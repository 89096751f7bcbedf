"""AMCL: adaptive multi-head contrastive learning, on top of four base methods."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="amcl",
    title="Adaptive Multi-head Contrastive Learning",
    authors="Wang, Koniusz, Gedeon, Zheng",
    venue="ECCV",
    year=2024,
    arxiv="2310.05615",
    bibtex="""@inproceedings{wang2024amcl,
  title     = {Adaptive Multi-head Contrastive Learning},
  author    = {Wang, Lei and Koniusz, Piotr and Gedeon, Tom and Zheng, Liang},
  booktitle = {European Conference on Computer Vision},
  pages     = {404--421},
  year      = {2024}
}""",
    target="none",
    modalities=("images",),
    module_class="AMCL",
    config_class="AMCLConfig",
    protocols=("knn", "linear", "pair-auc", "few-label", "linear-sgd"),
    own_protocols={"pair-auc": "config:PairAucConfig"},
)

if TYPE_CHECKING:
    from papers.amcl.config import AMCLConfig as AMCLConfig
    from papers.amcl.module import AMCL as AMCL
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
