"""The settings of protocols on series."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.settings import setting

# What inputs say of themselves.
LONG, LABELLED = "a long series", "short series with classes"
# Fewer samples, or fewer of a class, are too few to choose a penalty by.
FEW_SAMPLES, FEW_OF_A_CLASS = 50, 5


def require_kind(inputs: Any, kind: str, protocol: str) -> None:
    """Raises `ConfigError` unless ``inputs`` are of the ``kind`` that ``protocol`` measures."""
    if inputs.kind != kind:
        raise ConfigError(f"evaluation: {protocol!r} does not measure {inputs.kind}")


@dataclass
class ForecastingConfig(ProtocolConfig):
    """Protocol ``forecasting``: ridge on frozen features (TS2Vec's, and most since)."""

    takes: ClassVar[tuple[str, ...]] = ("series",)
    # Steps ahead, each a regression of its own.
    horizons: list[int] = setting([24, 48, 168, 336, 720], at_least=1)
    alphas: list[float] = setting(
        [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0], above=0
    )
    # Training and validation samples; of more, so many are drawn, the same each time.
    max_samples: int = setting(100_000, at_least=2)
    # For the reference `lags`: the last raw values.
    lags: int = setting(48, at_least=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for short series, and for settings beyond the data."""
        require_kind(inputs, LONG, "forecasting")
        if self.lags > inputs.window:
            raise ConfigError(
                f"evaluation.forecasting.lags={self.lags}: more than data.window="
                f"{inputs.window} steps"
            )
        for part in inputs.series.parts:
            start, end = inputs.bounds(part)
            if end - start <= max(self.horizons):
                raise ConfigError(
                    f"evaluation.forecasting.horizons: {max(self.horizons)} steps ahead, but "
                    f"{part!r} has {end - start}; leave the longest out"
                )


@dataclass
class SeriesSvmConfig(ProtocolConfig):
    """Protocol ``series-svm``; TS2Vec's grid, whose last value stands for infinity."""

    takes: ClassVar[tuple[str, ...]] = ("series",)
    penalties: list[float] = setting([10.0**power for power in (*range(-4, 5), 8)], above=0)
    folds: int = setting(5, at_least=2)
    max_samples: int = setting(10_000, at_least=2)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for a long series, and for labels that allow no search."""
        require_kind(inputs, LABELLED, "series-svm")
        self.check_folds(inputs.y["train"])

    def check_folds(self, y: Any) -> None:
        """Raises `ConfigError` where training labels ``y (num,)`` allow no search."""
        counts = class_sizes(y)
        if is_small(counts):
            return
        left_out = len(y) - self.max_samples
        if left_out > 0 and (min(self.max_samples, left_out) < len(counts) or min(counts) < 2):
            raise ConfigError(
                f"evaluation.series_svm.max_samples={self.max_samples}: so many of {len(y)} cannot "
                f"be drawn of each of the {len(counts)} classes; use {len(y)}"
            )
        largest = int(max(counts) * min(1, self.max_samples / len(y)))
        if self.folds > largest:
            raise ConfigError(
                f"evaluation.series_svm.folds={self.folds}: the largest class has {largest} "
                "training series; use at most as many"
            )


def class_sizes(y: Any) -> list[int]:
    """Returns how many samples each class of labels ``y (num,)`` has that has any."""
    return list(Counter(y.tolist()).values())


def is_small(counts: list[int]) -> bool:
    """Tells whether there is too little to choose a penalty by, given the classes' sizes."""
    return sum(counts) < FEW_SAMPLES or sum(counts) // len(counts) < FEW_OF_A_CLASS
