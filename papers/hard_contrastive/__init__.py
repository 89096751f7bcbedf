"""The hard contrastive loss of "Understanding the Behaviour of Contrastive Loss", on MoCo."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="hard_contrastive",
    title="Understanding the Behaviour of Contrastive Loss",
    authors="Wang, Liu",
    summary=(
        "The softmax of a contrastive loss pushes a negative the harder the nearer it is, and the "
        "temperature sets by how much: a small one spreads embeddings evenly, a large one lets "
        "alike images stay near each other. The hard contrastive loss keeps only the nearest "
        "negatives of each image, so that a large temperature spreads them, too. Even a loss "
        "without any softmax then learns. The negatives are those of MoCo's queue."
    ),
    venue="CVPR",
    year=2021,
    arxiv="2012.09740",
    bibtex="""@inproceedings{wang2021understanding,
  title     = {Understanding the Behaviour of Contrastive Loss},
  author    = {Wang, Feng and Liu, Huaping},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  year      = {2021}
}""",
    target="none",
    modalities=("images",),
    module_class="HardContrastive",
    config_class="HardContrastiveConfig",
    protocols=("knn", "linear", "uniformity-tolerance", "linear-sgd"),
    own_data={"image-folder": "photos"},
)

if TYPE_CHECKING:
    from papers.hard_contrastive.config import HardContrastiveConfig as HardContrastiveConfig
    from papers.hard_contrastive.module import HardContrastive as HardContrastive
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
