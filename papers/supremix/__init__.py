"""SupReMix: supervised contrastive learning for regression with mixup of embeddings."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="supremix",
    title="Mixup Your Own Pairs",
    authors="Wu, Dong, Chen, Zhou, Zhou",
    summary=(
        "SupReMix pre-trains an encoder on labels that are numbers, such as an age. Contrast by "
        "class ignores that 30 is nearer to 31 than to 80, and its pairs are easy. SupReMix mixes "
        "embeddings: an anchor with a sample of another label is a hard negative, and two samples "
        "whose labels bracket the anchor's are mixed into a hard positive at the share that gives "
        "its label. Negatives that are farther in label count for more. The encoder is then "
        "frozen under a linear regressor, or fine-tuned."
    ),
    venue="arXiv",
    year=2023,
    arxiv="2309.16633",
    bibtex="""@article{wu2023mixup,
  title   = {Mixup Your Own Pairs},
  author  = {Wu, Yilei and Dong, Zijian and Chen, Chongyao and Zhou, Wangchunshu and
             Zhou, Juan Helen},
  journal = {arXiv preprint arXiv:2309.16633},
  year    = {2023}
}""",
    target="number",
    modalities=("images", "series", "tables", "text", "volumes"),
    module_class="SupReMix",
    config_class="SupReMixConfig",
    protocols=("regression-probe", "label-order", "regression-finetune"),
    own_protocols={
        "label-order": ("label_order:evaluate_label_order", "config:LabelOrderConfig"),
        "regression-finetune": (
            "regression_finetune:evaluate_regression_finetune",
            "config:RegressionFinetuneConfig",
        ),
    },
    baselines={
        "regressor": ("baselines:Regressor", "config:RegressorConfig"),
        "rank-n-contrast": ("baselines:RankNContrast", "config:RankNContrastConfig"),
    },
    own_data={"table": "diabetes"},
    own_sets={
        "rotated-digits": DataSet("readers.rotated_digits:rotated_digits", generated=True),
        "scattered-rotated-digits": DataSet(
            "readers.rotated_digits:scattered_rotated_digits", generated=True
        ),
    },
    own_backbones={
        "images": {"small_grid": "backbone:SmallGrid"},
        "text": {"text_pair": "backbone:TextPair"},
    },
)

if TYPE_CHECKING:
    from papers.supremix.baselines import RankNContrast as RankNContrast
    from papers.supremix.baselines import Regressor as Regressor
    from papers.supremix.config import RankNContrastConfig as RankNContrastConfig
    from papers.supremix.config import RegressorConfig as RegressorConfig
    from papers.supremix.config import SupReMixConfig as SupReMixConfig
    from papers.supremix.module import SupReMix as SupReMix
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
