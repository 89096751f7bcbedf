"""Whether the penalty of `series-svm` can be chosen on given labels; without scikit-learn."""

from typing import Any

import numpy as np

from common.errors import ConfigError
from common.evaluation.series_svm_config import SeriesSvmConfig

FEW_SAMPLES, FEW_OF_A_CLASS = 50, 5


def check_folds(y: Any, settings: SeriesSvmConfig) -> None:
    """Raises `ConfigError` where training labels ``y (num,)`` allow no search."""
    counts = class_sizes(y)
    if is_small(counts):
        return
    left_out = len(y) - settings.max_samples
    if left_out > 0 and (min(settings.max_samples, left_out) < len(counts) or counts.min() < 2):
        raise ConfigError(
            f"evaluation.series_svm.max_samples={settings.max_samples}: so many of {len(y)} cannot "
            f"be drawn of each of the {len(counts)} classes; use {len(y)}"
        )
    largest = int(counts.max() * min(1, settings.max_samples / len(y)))
    if settings.folds > largest:
        raise ConfigError(
            f"evaluation.series_svm.folds={settings.folds}: the largest class has {largest} "
            "training series; use at most as many"
        )


def class_sizes(y: Any) -> Any:
    """Returns how many samples each class has that has any."""
    counts = np.bincount(y)
    return counts[counts > 0]


def is_small(counts: Any) -> bool:
    """Tells whether there is too little to choose a penalty by, given the classes' sizes."""
    return counts.sum() < FEW_SAMPLES or counts.sum() // len(counts) < FEW_OF_A_CLASS
