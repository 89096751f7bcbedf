"""Means and intervals over seeds, and how many seeds would tell."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MIN_SEEDS = 3
CONFIDENCE = 0.95
# Of each difference of a trial, which shows a dozen: six rivals by two protocols.
TRIAL_CONFIDENCE = 0.99
# Nobody trains more for one comparison.
MOST_SEEDS = 1000
ROUNDING = 1e-9  # of their mean, by which equal differences may differ


@dataclass(frozen=True)
class Sample:
    """Mean, sample standard deviation (None for one value) and number of values."""

    mean: float
    spread: float | None
    n: int


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
    """Returns the half-width of an interval of (ours - reference) by Welch's formula.

    Args:
        ours: At least two values, else None is returned.
        spread: The reference's sample standard deviation; None: the reference is a fixed value.
        n: The number of runs behind ``spread``.
        confidence: That the interval contains the difference.
    """
    if ours.spread is None:
        return None
    own = ours.spread**2 / ours.n
    other = spread**2 / n if spread is not None and n is not None else 0.0
    total = own + other
    if total == 0:
        return 0.0
    parts = own**2 / (ours.n - 1) + (other**2 / (n - 1) if other and n else 0.0)
    from scipy import special  # a fifth of a second, which lists and help need not wait for

    # Welch-Satterthwaite degrees of freedom; ours.n - 1 for a fixed reference.
    quantile = special.stdtrit(total**2 / parts, (1 + confidence) / 2)
    return float(quantile) * math.sqrt(total)


def equal_by_chance(differences: Sample, confidence: float = CONFIDENCE) -> bool:
    """Tells whether differences other than 0 are all equal, and too few to tell by their sign.

    Their interval has no width, and says nothing: nobody has seen how they vary.
    """
    mean, spread = differences.mean, differences.spread or 0.0
    equal = mean != 0 and spread <= ROUNDING * abs(mean)
    return equal and 0.5 ** (differences.n - 1) > 1 - confidence


def excludes_zero(differences: Sample) -> bool:
    """Tells whether the 95 % interval of differences, of `MIN_SEEDS` or more, excludes 0."""
    width = half_width(differences, None, None)
    enough = differences.n >= MIN_SEEDS and not equal_by_chance(differences)
    return enough and width is not None and abs(differences.mean) > width


def p_of_differences(differences: Sample) -> float | None:
    """Returns the two-sided p of paired differences by Student's t; None where that says nothing.

    So it is below two of them, and where they are `equal_by_chance`.
    """
    if differences.spread is None or equal_by_chance(differences):
        return None
    if differences.spread == 0:
        return 1.0 if differences.mean == 0 else 0.0
    from scipy import special

    t = abs(differences.mean) * math.sqrt(differences.n) / differences.spread
    return 2.0 * float(special.stdtr(differences.n - 1, -t))


def kept_by_correction(values: Sequence[float]) -> float:
    """Returns the largest p that Benjamini and Hochberg's procedure rejects; below 0 if none.

    Its rate of false discoveries is 1 - `CONFIDENCE`.
    """
    ordered, rate = sorted(values), 1 - CONFIDENCE
    passing = [p for k, p in enumerate(ordered, 1) if p <= rate * k / len(ordered)]
    return max(passing, default=-1.0)


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
