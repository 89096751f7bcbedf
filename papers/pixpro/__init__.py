"""PixPro: pixel-level consistency of two crops, with pixel propagation on one side."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="pixpro",
    title=(
        "Propagate Yourself: Exploring Pixel-Level Consistency for Unsupervised Visual "
        "Representation Learning"
    ),
    authors="Xie, Lin, Zhang, Cao, Lin, Hu",
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
        "correspondence": "config:CorrespondenceConfig",
        "dense-probe": "dense_probe_config:DenseProbeConfig",
        "detection": "detection_config:DetectionConfig",
    },
)

if TYPE_CHECKING:
    from papers.pixpro.config import PixProConfig as PixProConfig
    from papers.pixpro.module import PixPro as PixPro
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
