"""The status of a row and of a claim: what our values say of a number and of a difference.

`common.results.ledger` tells whether a record's code still gives its numbers; a row whose code
does not is `moved`, whatever its values say.
"""

from dataclasses import dataclass

from common.results.reported import Reference
from common.results.statistics import MIN_SEEDS, Sample, excludes_zero, half_width, seeds_needed


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

    @property
    def least(self) -> float:
        """The end of the interval that is nearer to 0; 0 where it contains 0 or is not known."""
        if self.gap is None or self.half_width is None:
            return 0.0
        return max(abs(self.gap) - self.half_width, 0.0)


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
        matters: The smallest difference that would matter; with 0 none is too small.
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
