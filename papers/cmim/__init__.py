"""cMIM: a probabilistic auto-encoder whose codes are pushed apart in angle."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="cmim",
    title="cMIM: A Contrastive Mutual Information Framework for Unified Generative and "
    "Discriminative Representation Learning",
    authors="Livne",
    summary=(
        "cMIM is an auto-encoder that draws the code of an image from a normal density. It "
        "reconstructs the image from the code, raises the density of the code under the encoder "
        "and under a unit normal (A-MIM), and pushes the codes of different images apart in "
        "angle. The positive of an image is its own code, so that no augmentation is needed, and "
        "the negatives enter as a mean, so that the term does not grow with the batch. The code "
        "or a hidden layer of the decoder, the informative embedding, is what is used. The same "
        "recipe trains an auto-encoder, a VAE and A-MIM."
    ),
    venue="arXiv",
    year=2025,
    arxiv="2502.19642",
    bibtex="""@article{livne2025cmim,
  title   = {{cMIM}: A Contrastive Mutual Information Framework for Unified Generative and
             Discriminative Representation Learning},
  author  = {Livne, Micha},
  journal = {arXiv preprint arXiv:2502.19642},
  year    = {2025}
}""",
    target="none",
    modalities=("images",),
    module_class="CMIM",
    config_class="CMIMConfig",
    protocols=("knn", "euclid-knn", "linear", "uniformity-tolerance", "reconstruction"),
    own_protocols={
        "euclid-knn": ("protocols:evaluate_euclid_knn", "config:EuclidKnnConfig"),
        "reconstruction": ("protocols:evaluate_reconstruction", "config:ReconstructionConfig"),
    },
    own_data={"image-folder": "photos"},
    own_sets={"digits": DataSet("readers.digits:digits")},
)

if TYPE_CHECKING:
    from papers.cmim.config import CMIMConfig as CMIMConfig
    from papers.cmim.module import CMIM as CMIM
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
