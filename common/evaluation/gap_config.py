"""The settings of the protocol ``gap``."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class GapConfig(ProtocolConfig):
    """Protocol ``gap``: how far images and texts lie apart (arXiv 2405.18570)."""

    # In the uniformity terms.
    t: float = setting(2.0, above=0)
    # Images, each with its first caption; the official number.
    most_pairs: int = setting(5000, at_least=10)
    # The share of pairs that the classifier of images against texts is fitted to.
    fitted: float = setting(0.8, above=0, below=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where a split of the pairs would leave none on one side."""
        count = min(len({*inputs.owner.tolist()}), self.most_pairs)
        if not 0 < round(self.fitted * count) < count:
            raise ConfigError(
                f"evaluation.gap.fitted={self.fitted}: {count} images leave none to fit or to "
                "test; add images, or leave out gap"
            )

    def function(self) -> Measure:
        """Returns `evaluate_gap`."""
        from common.evaluation.gap import evaluate_gap

        return evaluate_gap
