"""The settings of the protocol ``factors``."""

from dataclasses import dataclass
from math import prod
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import Measure
from common.evaluation.linear_probe_config import LinearProbeConfig
from common.settings import setting


@dataclass
class FactorsConfig(LinearProbeConfig):
    """Protocol ``factors``: a linear probe of each of several factors that one label holds.

    A label counts through all combinations of the factors' classes, and the last factor's class
    changes fastest.
    """

    # What the factors are called in metrics, and how many classes each has.
    names: list[str] = setting([])
    sizes: list[int] = setting([], at_least=2)
    # Images with a smaller label are left out, and labels count from here.
    from_label: int = setting(0, at_least=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless each factor has a name and a number of classes."""
        if not self.names or len(self.names) != len(self.sizes):
            raise ConfigError(
                f"evaluation: {len(self.names)} names and {len(self.sizes)} sizes of factors; give "
                "one size for each name"
            )

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` unless labels are combinations of the factors."""
        count = self.from_label + prod(self.sizes)
        for part in (inputs.train, inputs.test):
            if not self.from_label <= int(part.labels.max()) < count:
                raise ConfigError(
                    f"evaluation: factors of sizes={self.sizes} name labels from {self.from_label} "
                    f"to {count - 1}, the largest here is {int(part.labels.max())}"
                )

    def function(self) -> Measure:
        """Returns `evaluate_factors`."""
        from common.evaluation.factors import evaluate_factors

        return evaluate_factors
