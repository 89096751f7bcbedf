"""The settings of the protocol ``linear-sgd``."""

from dataclasses import dataclass, field

from common.evaluation.config import Measure, ProtocolConfig
from common.evaluation.crop import CropConfig
from common.settings import setting


@dataclass
class LinearSgdConfig(ProtocolConfig):
    """Protocol ``linear-sgd``; the defaults are SwAV's (official repository, eval_linear.py)."""

    epochs: int = setting(100, at_least=1)
    batch_size: int = setting(256, at_least=1)
    # To 0 along a half cosine, a step an epoch.
    lr: float = setting(0.3, above=0)
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(1e-6, at_least=0)
    crop: CropConfig = field(default_factory=CropConfig)

    def function(self) -> Measure:
        """Returns `evaluate_linear_sgd`."""
        from common.evaluation.linear_sgd import evaluate_linear_sgd

        return evaluate_linear_sgd
