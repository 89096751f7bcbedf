"""SepCLR: what two sets of images share, and what only one of them varies in."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="sepclr",
    title="Separating common from salient patterns with Contrastive Representation Learning",
    authors="Louiset, Duchesnay, Grigis, Gori",
    summary=(
        "SepCLR compares two sets of images: a background, such as healthy people, and a target, "
        "such as patients. One encoder learns a common code of what both sets vary in, and a "
        "second encoder a salient code of what the target alone varies in. Each code agrees "
        "between two views of an image and spreads over images; salient codes of the background "
        "are pulled to zero, and those of the target are pushed away from it. A term that raises "
        "the joint entropy of both codes keeps salient patterns out of the common code. The only "
        "label that is used is which set an image is of."
    ),
    venue="ICLR",
    year=2024,
    arxiv="2402.11928",
    bibtex="""@inproceedings{louiset2024separating,
  title     = {Separating common from salient patterns with Contrastive Representation Learning},
  author    = {Louiset, Robin and Duchesnay, Edouard and Grigis, Antoine and Gori, Pietro},
  booktitle = {International Conference on Learning Representations},
  year      = {2024}
}""",
    target="class",
    modalities=("images",),
    module_class="SepCLR",
    config_class="SepCLRConfig",
    protocols=("separation", "factors", "knn", "linear"),
    own_protocols={"separation": ("separation:evaluate_separation", "config:SeparationConfig")},
    own_data={"image-folder": "photos"},
    own_sets={
        "cifar10-jpeg-fashion": DataSet("readers.overlay:cifar10_jpeg_fashion", generated=True),
        "cifar10-mnist": DataSet("readers.overlay:cifar10_mnist", generated=True),
        "digit-bars": DataSet("readers.digit_bars:digit_bars", generated=True),
    },
)

if TYPE_CHECKING:
    from papers.sepclr.config import SepCLRConfig as SepCLRConfig
    from papers.sepclr.module import SepCLR as SepCLR
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
