"""Whether a training came to more than what learns nothing, beyond chance."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from common.results.metrics import BESIDE, ERROR
from common.results.pages.sections import LEARNING_REFERENCES
from common.results.record import Record

# Rows that a metric is taken to be a mean over: records do not tell their number.
TESTED = 1000
LESS_ERROR = 0.01
# Those of one threshold, and how often two values are equal.
THRESHOLDED = ("_f1", "_precision", "_recall", "_ties")


class NoGain(NamedTuple):
    """A reference that learns nothing, and in how many metrics the run is not ahead of it.

    ``compared``: how many both have; ``best``: where the run is furthest ahead, in units of what
    chance may do.
    """

    reference: str
    lost: int
    compared: int
    best: str


def no_gain(record: Record) -> Iterator[NoGain]:
    """Yields what learns nothing and is as good, up to chance, or better in most metrics.

    Chance is two standard errors of a mean over 1,000 rows, and a hundredth of an error. Where
    both are at a metric's best value, up to chance, it says nothing.
    """
    for name, others in record.references.items():
        if name in LEARNING_REFERENCES or not record.batches:
            continue
        gains = {
            metric: _gain(metric, value, other)
            for metric, value in record.metrics.items()
            if value is not None and (other := others.get(metric)) is not None and _judges(metric)
            if not _at_best(metric, value, other)
        }
        lost = sum(gain <= chance for gain, chance in gains.values())
        if 2 * lost > len(gains):
            best = max(gains, key=lambda metric: gains[metric][0] / gains[metric][1])
            yield NoGain(name, lost, len(gains), best)


def _judges(metric: str) -> bool:
    return not BESIDE.search(metric) and not metric.split("@")[0].endswith(THRESHOLDED)


def _at_best(metric: str, value: float, other: float) -> bool:
    best = 0.0 if ERROR.search(metric) else _unit(value, other)
    left = [_gain(metric, best, one) for one in (value, other)]
    return all(0 <= gain <= chance for gain, chance in left)


def _unit(value: float, other: float) -> float:
    """Returns the best value of a share, or of one in percent."""
    return 100 if max(abs(value), abs(other)) > 1.5 else 1


def _gain(metric: str, value: float, other: float) -> tuple[float, float]:
    """Returns by how much ``value`` is better, and by how much it may be so by chance."""
    if ERROR.search(metric):
        return other - value, max(LESS_ERROR * abs(other), 1e-12)
    unit = _unit(value, other)
    shares = (min(max(x / unit, 0), 1) for x in (value, other))
    variance = sum(share * (1 - share) for share in shares)
    if "spearman" in metric or "pearson" in metric:
        variance = 2.0
    # Both are measured on the same rows, so that half of the variance is in common.
    return value - other, unit * math.sqrt(2 * (variance + 1 / TESTED) / TESTED)
