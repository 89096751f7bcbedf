"""Hydra, later SimLAP: contrast of arbitrary pairs of classes, each in a subspace of its own."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="hydra",
    title="Rethinking Positive Pairs in Contrastive Learning",
    authors="Wu, Atito, Feng, Mo, Kittler, Awais",
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
    own_protocols={"effective-rank": "config:EffectiveRankConfig"},
    baselines={"momentum": ("momentum:Hydra", "config:HydraConfig")},
)

if TYPE_CHECKING:
    from papers.hydra.config import HydraConfig as HydraConfig
    from papers.hydra.config import SimLAPConfig as SimLAPConfig
    from papers.hydra.module import SimLAP as SimLAP
    from papers.hydra.momentum import Hydra as Hydra
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
