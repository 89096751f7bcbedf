"""The settings of the protocol ``linear``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class LinearProbeConfig(ProtocolConfig):
    """Protocol ``linear``: the fast probe, Adam on standardised features."""

    epochs: int = setting(50, at_least=1)
    batch_size: int = setting(256, at_least=1)
    lr: float = setting(0.03, above=0)
    weight_decay: float = setting(0.0, at_least=0)

    def function(self) -> Measure:
        """Returns `evaluate_linear`."""
        from common.evaluation.linear_probe import evaluate_linear

        return evaluate_linear
