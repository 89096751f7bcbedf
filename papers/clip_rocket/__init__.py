"""CLIP-rocket: plain CLIP with the recipe of the methods that claim to improve on it."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="clip_rocket",
    title="Improved baselines for vision-language pre-training",
    authors="Fini, Astolfi, Romero-Soriano, Verbeek, Drozdzal",
    summary=(
        "CLIP-rocket trains an image tower and a text tower so that an image finds its caption "
        "among those of the batch, as CLIP does, and gives CLIP the recipe of self-supervised "
        "methods: beside a weakly changed pair, strongly changed images and texts of the same "
        "sample are contrasted, with smoothed labels and through projectors of their own. At the "
        "test the scores of both projectors are mixed. Four losses without negatives can be added; "
        "the paper finds that with this recipe they no longer help."
    ),
    venue="TMLR",
    year=2023,
    arxiv="2305.08675",
    bibtex="""@article{fini2023improved,
  title   = {Improved baselines for vision-language pre-training},
  author  = {Fini, Enrico and Astolfi, Pietro and Romero-Soriano, Adriana and Verbeek, Jakob and
             Drozdzal, Michal},
  journal = {Transactions on Machine Learning Research},
  year    = {2023}
}""",
    target="none",
    modalities=("image_text",),
    module_class="ClipRocket",
    config_class="ClipRocketConfig",
    protocols=("image-text-retrieval", "caption-choice", "zero-shot", "gap", "projectors"),
    own_backbones={"images": {"vit_small_12_heads": "vit:vit_small_12_heads"}},
    own_protocols={"projectors": ("projectors:evaluate_projectors", "config:ProjectorsConfig")},
)

if TYPE_CHECKING:
    from papers.clip_rocket.config import ClipRocketConfig as ClipRocketConfig
    from papers.clip_rocket.module import ClipRocket as ClipRocket
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
