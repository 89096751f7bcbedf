"""Hydra, later SimLAP: contrast of arbitrary pairs of classes, each in a subspace of its own."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="hydra",
    title="Rethinking Positive Pairs in Contrastive Learning",
    authors="Wu, Atito, Feng, Mo, Kittler, Awais",
    summary=(
        "Hydra (later SimLAP) pre-trains on images with class labels, and lets images of any two "
        "classes be a positive pair: in some subspace of the embedding they are alike and still "
        "unlike every other class. A small network reads the two class labels and opens or closes "
        "each dimension of the embedding. InfoNCE is computed on the open dimensions, and keys of "
        "the pair's own classes never count as negatives. Encoder and filter train together."
    ),
    venue="arXiv",
    year=2024,
    arxiv="2410.18200",
    bibtex="""@misc{wu2024hydra,
  title         = {Rethinking Positive Pairs in Contrastive Learning},
  author        = {Wu, Jiantao and Atito, Sara and Feng, Zhenhua and Mo, Shentong and
                   Kittler, Josef and Awais, Muhammad},
  year          = {2024},
  eprint        = {2410.18200},
  archiveprefix = {arXiv}
}""",
    target="class",
    modalities=("images",),
    module_class="SimLAP",
    config_class="SimLAPConfig",
    protocols=("knn", "linear", "few-label", "effective-rank", "finetune", "linear-sgd"),
    baselines={"momentum": ("momentum:Hydra", "config:HydraConfig")},
    own_data={"image-folder": "photos"},
)

if TYPE_CHECKING:
    from papers.hydra.config import HydraConfig as HydraConfig
    from papers.hydra.config import SimLAPConfig as SimLAPConfig
    from papers.hydra.module import SimLAP as SimLAP
    from papers.hydra.momentum import Hydra as Hydra
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
