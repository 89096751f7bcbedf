"""The settings of the protocol ``gap``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class GapConfig(ProtocolConfig):
    """Protocol ``gap``: how far images and texts lie apart (arXiv 2405.18570)."""

    # Of the uniformity terms.
    t: float = setting(2.0, above=0)
    # Images, each with its first caption; the official number.
    most_pairs: int = setting(5000, at_least=10)
    # The share of pairs that the classifier of images against texts is fitted to.
    fitted: float = setting(0.8, above=0, below=1)

    def function(self) -> Measure:
        """Returns `evaluate_gap`."""
        from common.evaluation.gap import evaluate_gap

        return evaluate_gap
