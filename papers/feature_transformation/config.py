"""The ``method:`` section of FT, on that of MoCo v2.

"Code" is the official repository DTennant/CL-Visualizing-Feature-Transformation at c53d1be, and
"command" the one that its readme gives for ImageNet. The paper's own text could not be opened.
"""

from dataclasses import dataclass

from common.methods.config import MoCoConfig
from common.settings import setting

GRANULARITIES = ("batch", "row", "dimension")


@dataclass
class FeatureTransformationConfig(MoCoConfig):
    """Defaults: the command, on MoCo v2."""

    # What becomes of query and key: away from each other, towards each other (an ablation), or
    # nothing.
    positives: str = setting("extrapolated", choices=("extrapolated", "interpolated", "none"))
    # What becomes of the queue: mixed with a shuffled copy of itself, or nothing.
    negatives: str = setting("interpolated", choices=("interpolated", "none"))
    # a+ of Beta(a+, a+) (command).
    positive_beta: float = setting(2.0, above=0)
    # a- (command).
    negative_beta: float = setting(1.6, above=0)
    # One coefficient for the batch, for each row, or for each entry. The command has one for each
    # of its 8 processes; the paper is said to prefer entries (from memory, UNVERIFIED).
    granularity: str = setting("batch", choices=GRANULARITIES)
    # Multiplies the draw by which positives are extrapolated. Ours: on small sets the code's 1
    # dominates the loss.
    extrapolation_scale: float = setting(1.0, at_least=0)
    # Query and key to unit norm after they are mixed (an option of the code); negatives never.
    normalise_positives: bool = False
    # Plain MoCo before it (an option of the code).
    from_epoch: int = setting(0, at_least=0)
