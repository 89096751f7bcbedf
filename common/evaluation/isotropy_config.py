"""The settings of the protocol ``isotropy``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class IsotropyConfig(ProtocolConfig):
    """Protocol ``isotropy`` of Su and Collier (arXiv 2210.14140)."""

    # The published code measures that many texts at most.
    max_texts: int = setting(2000, at_least=1)
    # The first and the last token of a text too. The paper measured models without such tokens.
    special_tokens: bool = False

    def function(self) -> Measure:
        """Returns `evaluate_isotropy`."""
        from common.evaluation.isotropy import evaluate_isotropy

        return evaluate_isotropy
