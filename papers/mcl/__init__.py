"""MCL: stages of contrast, each with negatives that the stages before could not tell apart."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="mcl",
    title="Learning the Unlearned: Mitigating Feature Suppression in Contrastive Learning",
    authors="Zhang, Lan, Qu, Cheng, Feng, Hooi",
    summary=(
        "MCL (multistage contrastive learning) learns image features that a single contrastive "
        "training leaves out, because others were enough to tell images apart. It trains in "
        "stages. After each stage it clusters the images by the features of that stage. In the "
        "next stage the negatives of an image come from its own cluster of all stages before, so "
        "that the features already learnt cannot tell them apart and others must be found. The "
        "representation is the features of all stages together."
    ),
    venue="ECCV",
    year=2024,
    arxiv="2402.11816",
    bibtex="""@inproceedings{zhang2024learning,
  title     = {Learning the Unlearned: Mitigating Feature Suppression in Contrastive Learning},
  author    = {Zhang, Jihai and Lan, Xiang and Qu, Xiaoye and Cheng, Yu and Feng, Mengling and
               Hooi, Bryan},
  booktitle = {European Conference on Computer Vision},
  year      = {2024}
}""",
    target="none",
    modalities=("images",),
    module_class="MCL",
    config_class="MCLConfig",
    protocols=("factors", "knn", "linear", "few-label", "linear-sgd"),
    # A stage trains an encoder of its own, and leaves the others out.
    ddp_strategy="ddp_find_unused_parameters_true",
    own_data={"image-folder": "photos"},
    own_sets={
        "coloured-digits": DataSet("readers.coloured_digits:coloured_digits", generated=True),
    },
)

if TYPE_CHECKING:
    from papers.mcl.config import MCLConfig as MCLConfig
    from papers.mcl.module import MCL as MCL
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
