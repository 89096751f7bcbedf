"""The settings of the protocol ``caption-choice``."""

from dataclasses import dataclass
from typing import Any

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class CaptionChoiceConfig(ProtocolConfig):
    """Protocol ``caption-choice``: which of two captions an image is nearer to (ARO's form)."""

    # What a tie earns. ARO's code: 0 in Relation and Attribution, 1 in the sets of word order.
    tie: float = setting(0.5, at_least=0, at_most=1)
    # Cosines that differ by no more are a tie: float32 has no exact ones.
    tie_margin: float = setting(1e-6, at_least=0)
    # Groups of fewer cases are left out of the mean over groups. ARO: 25 in Attribution.
    min_cases: int = setting(1, at_least=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where the data have no false captions."""
        from common.evaluation.pair_inputs import require

        require(inputs.choices, "caption-choice", "false captions")

    def function(self) -> Measure:
        """Returns `evaluate_caption_choice`."""
        from common.evaluation.caption_choice import evaluate_caption_choice

        return evaluate_caption_choice
