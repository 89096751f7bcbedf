"""The settings of the protocol ``alignment-uniformity``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class AlignmentUniformityConfig(ProtocolConfig):
    """Protocol ``alignment-uniformity`` of Wang and Isola (arXiv 2005.10242)."""

    alpha: float = setting(2.0, above=0)
    t: float = setting(2.0, above=0)
    # Pairs are close from this share of the highest score on: 4 of 5 in STS-B.
    close: float = setting(0.8, above=0, at_most=1)

    def function(self) -> Measure:
        """Returns `evaluate_alignment_uniformity`."""
        from common.evaluation.alignment_uniformity import evaluate_alignment_uniformity

        return evaluate_alignment_uniformity
