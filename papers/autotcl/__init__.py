"""AutoTCL: parametric augmentation for contrastive learning of time series (ICLR 2024)."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="autotcl",
    title="Parametric Augmentation for Time Series Contrastive Learning",
    authors="Zheng, Wang, Cheng, Ma, Chen, Sha, Luo",
    summary=(
        "AutoTCL learns features of time series, and learns the augmentation as well. A small "
        "network, the augmenter, scores how informative each step is, masks the other steps and "
        "scales what it keeps. It is trained so that views are as simple as possible while their "
        "pooled representations stay distributed like those of the series. An encoder learns from "
        "these views by a global and a local contrast, and both networks take turns. The features "
        "forecast or classify."
    ),
    venue="ICLR",
    year=2024,
    arxiv="2402.10434",
    bibtex="""@inproceedings{zheng2024parametric,
  title     = {Parametric Augmentation for Time Series Contrastive Learning},
  author    = {Zheng, Xu and Wang, Tianchun and Cheng, Wei and Ma, Aitian and Chen, Haifeng and
               Sha, Mo and Luo, Dongsheng},
  booktitle = {International Conference on Learning Representations},
  year      = {2024}
}""",
    target="none",
    modalities=("series",),
    module_class="AutoTCL",
    config_class="AutoTCLConfig",
    protocols=("forecasting", "mask-agreement", "series-svm"),
    own_protocols={
        "mask-agreement": ("mask_agreement:evaluate_mask_agreement", "config:MaskAgreementConfig")
    },
    # Each of the two updates leaves the other part's parameters without a gradient.
    ddp_strategy="ddp_find_unused_parameters_true",
    manual_optimization=True,
    microbatch_refusal="its memory is the steps of a few long series, not the samples of a batch",
    baselines={"ts2vec": ("ts2vec:TS2Vec", "config:TS2VecConfig")},
    own_data={"labelled": "uea"},
    own_sets={
        "seasons-equal": DataSet("readers.seasons:seasons", generated=True),
        "seasons-loud": DataSet("readers.seasons:seasons", generated=True),
        "seasons-quiet": DataSet("readers.seasons:seasons", generated=True),
    },
)

if TYPE_CHECKING:
    from papers.autotcl.config import AutoTCLConfig as AutoTCLConfig
    from papers.autotcl.config import TS2VecConfig as TS2VecConfig
    from papers.autotcl.module import AutoTCL as AutoTCL
    from papers.autotcl.ts2vec import TS2Vec as TS2Vec
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
