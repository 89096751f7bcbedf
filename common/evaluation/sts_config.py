"""The settings of the protocol ``sts``."""

from dataclasses import dataclass
from typing import Any

from common.evaluation.config import Measure, ProtocolConfig


@dataclass
class StsConfig(ProtocolConfig):
    """Protocol ``sts``: whether cosines of pairs are ordered as people's scores; no settings."""

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where there are no pairs with scores."""
        from common.evaluation.text_inputs import require

        require(inputs.graded, "sts", "pairs with scores")

    def function(self) -> Measure:
        """Returns `evaluate_sts`."""
        from common.evaluation.sts import evaluate_sts

        return evaluate_sts
