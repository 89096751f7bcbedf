"""The settings of the protocol ``few-label``."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class FewLabelConfig(ProtocolConfig):
    """Protocol ``few-label``: a handful of labels of each class."""

    labels: list[int] = setting([1, 5, 10], at_least=1)
    draws: int = setting(10, at_least=1)
    # C of scikit-learn's logistic regression.
    logistic_c: float = setting(0.1, above=0)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` if a class has fewer labelled samples than are to be drawn."""
        check_classes(inputs.train.labels, max(self.labels, default=0))

    def function(self) -> Measure:
        """Returns `evaluate_few_label`."""
        from common.evaluation.few_label import evaluate_few_label

        return evaluate_few_label


def check_classes(labels: Any, wanted: int) -> None:
    """Raises `ConfigError` if a class of ``labels`` (num,) has fewer than ``wanted`` samples."""
    names, counts = labels.unique(return_counts=True)
    least = int(counts.argmin())
    if int(counts[least]) < wanted:
        raise ConfigError(
            f"evaluation.few_label.labels: class {int(names[least])} has {int(counts[least])} "
            f"labelled samples, {wanted} were to be drawn; name at most that many"
        )
