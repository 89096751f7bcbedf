"""The settings of the protocol ``knn``."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class KnnConfig(ProtocolConfig):
    """Protocol ``knn``: weighted neighbours by cosine.

    DINO's k-NN is k=20, temperature=0.07, standardise=false; lightly's k=200, 0.1, false.
    """

    k: int = setting(20, at_least=1)
    # Wu et al. 2018 (and most since) weigh by exp(cosine / 0.07).
    temperature: float = setting(0.07, above=0)
    # Zero mean and unit deviation before the cosine; papers' own k-NN mostly does without.
    standardise: bool = True

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` if there are fewer labelled samples than neighbours."""
        self.check_count(len(inputs.train.labels))

    def check_count(self, num: int) -> None:
        """Raises `ConfigError` if ``num`` labelled samples are fewer than ``k`` neighbours."""
        if self.k > num:
            raise ConfigError(
                f"evaluation.knn.k={self.k}: there are only {num} labelled samples to be neighbours"
            )

    def function(self) -> Measure:
        """Returns `evaluate_knn`."""
        from common.evaluation.knn import evaluate_knn

        return evaluate_knn
