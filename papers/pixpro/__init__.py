"""PixPro: pixel-level consistency of two crops, with pixel propagation on one side."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="pixpro",
    title=(
        "Propagate Yourself: Exploring Pixel-Level Consistency for Unsupervised Visual "
        "Representation Learning"
    ),
    authors="Xie, Lin, Zhang, Cao, Lin, Hu",
    summary=(
        "PixPro learns a feature for each place of an image, without labels, for detection and "
        "segmentation. Every cell of the last feature map is mapped back into the image, and "
        "cells of two crops that lie close to each other are positives. On one side each cell's "
        "feature is replaced by a sum over the whole map, weighted by similarity; it must agree "
        "with the plain features of a momentum network on the other side. PixPro needs no "
        "negatives. A branch for whole images can be added, which helps classification."
    ),
    venue="CVPR",
    year=2021,
    arxiv="2011.10043",
    bibtex="""@inproceedings{xie2021pixpro,
  title     = {Propagate Yourself: Exploring Pixel-Level Consistency for Unsupervised Visual
               Representation Learning},
  author    = {Xie, Zhenda and Lin, Yutong and Zhang, Zheng and Cao, Yue and Lin, Stephen and
               Hu, Han},
  booktitle = {Conference on Computer Vision and Pattern Recognition},
  pages     = {16684--16693},
  year      = {2021}
}""",
    target="none",
    modalities=("images",),
    module_class="PixPro",
    config_class="PixProConfig",
    protocols=(
        "correspondence",
        "dense-probe",
        "detection",
        "few-label",
        "finetune",
        "knn",
        "linear",
        "linear-sgd",
    ),
    own_protocols={
        "correspondence": ("correspondence:evaluate_correspondence", "config:CorrespondenceConfig"),
        "dense-probe": ("dense_probe:evaluate_dense_probe", "config:DenseProbeConfig"),
        "detection": ("detection:evaluate_detection", "config:DetectionConfig"),
    },
    own_data={"image-folder": "photos"},
    own_sets={
        "digit-scenes": DataSet(
            "readers.digit_scenes:digit_scenes", generated=True, may_lack_labels=True
        ),
    },
)

if TYPE_CHECKING:
    from papers.pixpro.config import PixProConfig as PixProConfig
    from papers.pixpro.module import PixPro as PixPro
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
