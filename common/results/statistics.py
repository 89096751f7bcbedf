"""What ours and a reference number say about each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from common.results.reported import Reference

MIN_SEEDS = 3
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """Mean, sample standard deviation (None for one value) and number of values."""

    mean: float
    spread: float | None
    n: int


@dataclass(frozen=True)
class Verdict:
    """A status, with the interval it rests on.

    ``gap`` is ours - reference; ``half_width`` that of its 95 % interval, None below two seeds.
    """

    status: str
    gap: float | None = None
    half_width: float | None = None


def summarise(values: Sequence[float]) -> Sample:
    """Returns the sample's figures; raises `ValueError` without values."""
    if not values:
        raise ValueError("no values")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Sample(mean, None, 1)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Sample(mean, math.sqrt(squares / (len(values) - 1)), len(values))


def half_width(
    ours: Sample, spread: float | None, n: int | None, confidence: float = CONFIDENCE
) -> float | None:
    """Returns the half-width of the interval of (ours - reference) by Welch's formula.

    Args:
        ours: At least two values, else None is returned.
        spread: The reference's sample standard deviation; None: the reference is a fixed value.
        n: The number of runs behind ``spread``.
        confidence: Of the two-sided interval.
    """
    if ours.spread is None:
        return None
    own = ours.spread**2 / ours.n
    other = spread**2 / n if spread is not None and n is not None else 0.0
    total = own + other
    if total == 0:
        return 0.0
    parts = own**2 / (ours.n - 1) + (other**2 / (n - 1) if other and n else 0.0)
    # Welch-Satterthwaite degrees of freedom; ours.n - 1 for a fixed reference.
    quantile = special.stdtrit(total**2 / parts, (1 + confidence) / 2)
    return float(quantile) * math.sqrt(total)


def judge_trained(ours: Sample, reference: Reference) -> Verdict:
    """Compares trained runs with a reported number: the rules of the leaderboard's legend."""
    if reference.value is None or reference.margin is None:
        return Verdict("no reference")
    gap = ours.mean - reference.value
    width = half_width(ours, reference.spread, reference.n)
    if width is None or ours.n < MIN_SEEDS:
        return Verdict("inconclusive", gap, width)
    if abs(gap) > width:
        return Verdict("above" if gap > 0 else "below", gap, width)
    return Verdict("reproduced" if width <= reference.margin else "inconclusive", gap, width)


def judge_published(value: float, reference: Reference) -> Verdict:
    """Compares a number measured with published weights: equal up to the margin, or not."""
    if reference.value is None or reference.margin is None:
        return Verdict("no reference")
    gap = value - reference.value
    # A value on the edge of a rounded number is one that rounds to it.
    if abs(gap) <= reference.margin * (1 + 1e-9):
        return Verdict("exact", gap)
    return Verdict("above" if gap > 0 else "below", gap)
