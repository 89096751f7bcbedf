"""What values of ours say of a reported number, and of a claim that one arm is ahead."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import special

from common.results.reported import Reference

MIN_SEEDS = 3
CONFIDENCE = 0.95
# Nobody trains more for one comparison.
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Sample:
    """Mean, sample standard deviation (None for one value) and number of values."""

    mean: float
    spread: float | None
    n: int


@dataclass(frozen=True)
class Verdict:
    """A status, with the interval it rests on.

    ``gap`` is ours - reference, or by how much the arm that should be ahead is; ``half_width`` that
    of its 95 % interval, None below two seeds. ``seeds``: how many would tell, where the present
    ones do not; None where the spread is not known or `MOST_SEEDS` are not enough.
    """

    status: str
    gap: float | None = None
    half_width: float | None = None
    seeds: int | None = None


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


def judge_trained(ours: Sample, reference: Reference, control: Sample | None) -> Verdict:
    """Compares trained runs with a reported number, by equivalence.

    Args:
        ours: Over seeds, on the data and by the protocol of the reported number.
        reference: The reported number.
        control: Paired differences to an encoder that learns nothing; None where it was not
            measured. Without it agreement may say nothing of the training.
    """
    gap, margin = ours.mean - reference.value, reference.margin
    width = half_width(ours, reference.spread, reference.n)
    if width is not None and ours.n >= MIN_SEEDS:
        if abs(gap) + width <= margin:
            return Verdict(_agreement(control), gap, width)
        if abs(gap) - width > margin:
            return Verdict("above" if gap > 0 else "below", gap, width)

    def width_of(n: int) -> float:
        return half_width(Sample(ours.mean, ours.spread, n), reference.spread, reference.n) or 0.0

    seeds = seeds_needed(width_of, abs(margin - abs(gap))) if width is not None else None
    return Verdict("inconclusive", gap, width, seeds)


def _agreement(control: Sample | None) -> str:
    if control is None or control.n < MIN_SEEDS:
        return "agrees, control not run"
    return "reproduced" if excludes_zero(control) else "agrees, not telling"


def excludes_zero(differences: Sample) -> bool:
    """Tells whether the 95 % interval of differences, of `MIN_SEEDS` or more, excludes 0."""
    width = half_width(differences, None, None)
    return differences.n >= MIN_SEEDS and width is not None and abs(differences.mean) > width


def judge_published(value: float, reference: Reference) -> Verdict:
    """Compares a number measured with published weights: equal up to the margin, or not."""
    gap = value - reference.value
    # A value on the edge of a rounded number is one that rounds to it.
    if abs(gap) <= reference.margin * (1 + 1e-9):
        return Verdict("exact", gap)
    return Verdict("above" if gap > 0 else "below", gap)


def judge_claim(differences: Sample | None, matters: float) -> Verdict:
    """Tells whether an arm is ahead of another.

    Args:
        differences: Of pairs, one a seed, positive where the arm is ahead; None without a pair.
        matters: The smallest difference that would matter, above 0.
    """
    if differences is None:
        return Verdict("not run")
    gap, width = differences.mean, half_width(differences, None, None)
    if width is None:
        return Verdict("undecided", gap)
    if differences.n >= MIN_SEEDS:
        if abs(gap) + width < matters:
            return Verdict("no difference", gap, width)
        if abs(gap) > width:
            return Verdict("holds" if gap > 0 else "opposite", gap, width)

    def width_of(n: int) -> float:
        return half_width(Sample(gap, differences.spread, n), None, None) or 0.0

    # Either narrow enough for one side of 0 or for ± matters, whichever comes first.
    return Verdict(
        "undecided", gap, width, seeds_needed(width_of, max(abs(gap), matters - abs(gap)))
    )


def seeds_needed(width_of: Callable[[int], float], target: float) -> int | None:
    """Returns the least number of seeds whose interval is narrower than ``target``.

    At least `MIN_SEEDS`; None where `MOST_SEEDS` are too few.

    Args:
        width_of: The half-width for a number of seeds of the present spread; it falls with them.
        target: The half-width that would tell.
    """
    if width_of(MOST_SEEDS) >= target:
        return None
    return bisect_left(range(MOST_SEEDS), True, MIN_SEEDS, key=lambda n: width_of(n) < target)
