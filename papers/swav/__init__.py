"""SwAV: unsupervised learning of visual features by contrasting cluster assignments."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="swav",
    title="Unsupervised Learning of Visual Features by Contrasting Cluster Assignments",
    authors="Caron, Misra, Mairal, Goyal, Bojanowski, Joulin",
    summary=(
        "SwAV learns image features without labels. It scores the views of an image against "
        "learnt prototypes and turns the scores of the two large crops into soft cluster "
        "assignments, under the constraint that every prototype gets the same mass in the batch. "
        "Every other crop of the image is trained to predict these assignments. The method needs "
        "no negatives, no pairs and no momentum network, and small extra crops make it better at "
        "little cost."
    ),
    venue="NeurIPS",
    year=2020,
    arxiv="2006.09882",
    bibtex="""@inproceedings{caron2020swav,
  title     = {Unsupervised Learning of Visual Features by Contrasting Cluster Assignments},
  author    = {Caron, Mathilde and Misra, Ishan and Mairal, Julien and Goyal, Priya and
               Bojanowski, Piotr and Joulin, Armand},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {33},
  pages     = {9912--9924},
  year      = {2020}
}""",
    target="none",
    modalities=("images",),
    module_class="SwAV",
    config_class="SwAVConfig",
    protocols=("knn", "linear", "few-label", "finetune", "linear-sgd"),
    baselines={"deepcluster-v2": ("deepcluster:DeepClusterV2", "config:DeepClusterConfig")},
    own_data={"image-folder": "photos"},
)

if TYPE_CHECKING:
    from papers.swav.config import DeepClusterConfig as DeepClusterConfig
    from papers.swav.config import SwAVConfig as SwAVConfig
    from papers.swav.deepcluster import DeepClusterV2 as DeepClusterV2
    from papers.swav.module import SwAV as SwAV
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
