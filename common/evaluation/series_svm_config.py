"""The settings of the protocol ``series-svm``."""

from dataclasses import dataclass
from typing import Any

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class SeriesSvmConfig(ProtocolConfig):
    """Protocol ``series-svm``; TS2Vec's grid, whose last value stands for infinity."""

    penalties: list[float] = setting([10.0**power for power in (*range(-4, 5), 8)], above=0)
    folds: int = setting(5, at_least=2)
    max_samples: int = setting(10_000, at_least=2)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for a long series, and for labels that allow no search."""
        from common.evaluation.series_inputs import LabelledInputs, require
        from common.evaluation.svm_folds import check_folds

        require(LabelledInputs, inputs, "series-svm")
        check_folds(inputs.y["train"].numpy(), self)

    def function(self) -> Measure:
        """Returns `evaluate_series_svm`."""
        from common.evaluation.series_svm import evaluate_series_svm

        return evaluate_series_svm
