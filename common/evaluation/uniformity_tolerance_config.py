"""The settings of the protocol ``uniformity-tolerance``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class UniformityToleranceConfig(ProtocolConfig):
    """Protocol ``uniformity-tolerance`` of Wang and Liu (arXiv 2012.09740, Eq. 10 and 11)."""

    # Eq. 10.
    t: float = setting(2.0, above=0)
    # Figure 8 shows the ten nearest negatives.
    top: int = setting(10, at_least=1)
    # Tested images of which two views are compared; as many are drawn by seed where there are more.
    # The nearest negatives come nearer with more images.
    max_images: int = setting(1000, at_least=2)

    def function(self) -> Measure:
        """Returns `evaluate_uniformity_tolerance`."""
        from common.evaluation.uniformity_tolerance import evaluate_uniformity_tolerance

        return evaluate_uniformity_tolerance
