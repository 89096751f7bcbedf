"""AMCL: adaptive multi-head contrastive learning, on top of four base methods."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="amcl",
    title="Adaptive Multi-head Contrastive Learning",
    authors="Wang, Koniusz, Gedeon, Zheng",
    summary=(
        "AMCL adds several projection heads to a contrastive method, and a small network that "
        "gives every pair of images and every head a temperature of its own. Strong augmentations "
        "make some positives look unlike and some negatives look alike, and one cosine with one "
        "temperature does not fit both. A regulariser from the likelihood of a normal "
        "distribution keeps the temperatures in range. The base is SimCLR, MoCo v2, SimSiam or "
        "Barlow Twins."
    ),
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
    own_protocols={"pair-auc": ("pair_auc:evaluate_pair_auc", "config:PairAucConfig")},
    own_data={"image-folder": "photos"},
)

if TYPE_CHECKING:
    from papers.amcl.config import AMCLConfig as AMCLConfig
    from papers.amcl.module import AMCL as AMCL
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
