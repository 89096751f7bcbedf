"""The settings of the protocol ``retrieval``."""

from dataclasses import dataclass
from typing import Any

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class RetrievalConfig(ProtocolConfig):
    """Protocol ``retrieval``: the entry that a held-out definition is of, among all entries."""

    cutoffs: list[int] = setting([1, 3, 10], at_least=1)
    # The mean of all entries is taken off entries and definitions: what all texts have in common
    # tells no entry.
    centred: bool = True
    # Definitions compared at once.
    chunk: int = setting(256, at_least=1, result_neutral=True)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where no held-out text has an entry or class."""
        from common.evaluation.text_inputs import require

        require(inputs.train, "retrieval", "entries or classes")
        require(inputs.held_out, "retrieval", "held-out texts")

    def function(self) -> Measure:
        """Returns `evaluate_retrieval`."""
        from common.evaluation.retrieval import evaluate_retrieval

        return evaluate_retrieval
