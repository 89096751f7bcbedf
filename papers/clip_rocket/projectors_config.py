"""The settings of the protocol ``projectors``."""

from dataclasses import dataclass
from typing import Any

from common.evaluation.config import ProtocolConfig, require
from common.settings import setting

# The official code logs both projectors and all tenths between them.
TENTHS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


@dataclass
class ProjectorsConfig(ProtocolConfig):
    """Protocol ``projectors``: zero-shot classes by mixed scores of both projectors."""

    # For the weak projectors' scores: 1 is those alone, and 0 those of the strong ones.
    weights: list[float] = setting(TENTHS, at_least=0, at_most=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for data without classes."""
        require(inputs.classes, "projectors", "images with classes")
