"""What our values say of a reported number, of a difference and of a claim."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from common.results.claims import REFERENCE, Claim, Comparison
from common.results.groups import Group, paired_differences
from common.results.reported import ReportedNumber
from common.results.statistics import (
    CONFIDENCE,
    MIN_SEEDS,
    Sample,
    equal_by_chance,
    excludes_zero,
    half_width,
    p_of_differences,
    seeds_needed,
)

# The verdict of a difference that excludes 0 and is smaller than what matters.
SMALL = "differs, by less than matters"


@dataclass(frozen=True)
class Verdict:
    """A status, with the interval it rests on.

    ``gap`` is ours - reference, or by how much the arm that should be ahead is; ``half_width`` that
    of its interval, None below two seeds. ``seeds``: how many would tell, where the present
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


@dataclass(frozen=True)
class Control:
    """The encoder that learns nothing, measured in the same runs.

    ``untrained``: its values. ``better``: the paired differences to it, positive where the trained
    encoder is better.
    """

    untrained: Sample
    better: Sample


def judge_trained(ours: Sample, reference: ReportedNumber, control: Control | None) -> Verdict:
    """Compares trained runs with a reported number, by equivalence.

    Args:
        ours: Over seeds, on the data and by the protocol of the reported number.
        reference: The reported number.
        control: None where no encoder that learns nothing was measured. Without it agreement may
            say nothing of the training.
    """
    gap, margin = ours.mean - reference.value, reference.margin
    width = half_width(ours, reference.spread, reference.n)
    if width is not None and ours.n >= MIN_SEEDS:
        if abs(gap) + width <= margin:
            return Verdict(_agreement(reference, control), gap, width)
        if abs(gap) - width > margin:
            return Verdict("above" if gap > 0 else "below", gap, width)

    def width_of(n: int) -> float:
        return half_width(Sample(ours.mean, ours.spread, n), reference.spread, reference.n) or 0.0

    seeds = seeds_needed(width_of, abs(margin - abs(gap))) if width is not None else None
    return Verdict("inconclusive", gap, width, seeds)


def _agreement(reference: ReportedNumber, control: Control | None) -> str:
    if control is None or control.better.n < MIN_SEEDS:
        return "agrees, control not run"
    learns = control.better.mean > 0 and excludes_zero(control.better)
    outside = abs(control.untrained.mean - reference.value) > reference.margin
    return "reproduced" if learns and outside else "agrees, not telling"


def judge_published(value: float, reference: ReportedNumber) -> Verdict:
    """Compares a number measured with published weights: equal up to the margin, or not."""
    gap = value - reference.value
    # A value on the edge of a rounded number is one that rounds to it.
    if abs(gap) <= reference.margin * (1 + 1e-9):
        return Verdict("exact", gap)
    return Verdict("above" if gap > 0 else "below", gap)


def judge_claim(
    differences: Sample | None, matters: float, confidence: float = CONFIDENCE
) -> Verdict:
    """Tells whether an arm is ahead of another.

    Args:
        differences: Of pairs, one a seed, positive where the arm is ahead; None without a pair.
        matters: The smallest difference that would matter; with 0 none is too small.
        confidence: Of the interval.
    """
    if differences is None:
        return Verdict("not run")
    gap, width = differences.mean, half_width(differences, None, None, confidence)
    if width is None or equal_by_chance(differences, confidence):
        return Verdict("undecided", gap)
    if differences.n >= MIN_SEEDS:
        if abs(gap) + width < matters:
            return Verdict(SMALL if abs(gap) > width else "no difference", gap, width)
        if abs(gap) > width:
            return Verdict("holds" if gap > 0 else "opposite", gap, width)

    def width_of(n: int) -> float:
        return half_width(Sample(gap, differences.spread, n), None, None, confidence) or 0.0

    # Either narrow enough for one side of 0 or for ± matters, whichever comes first.
    return Verdict(
        "undecided", gap, width, seeds_needed(width_of, max(abs(gap), matters - abs(gap)))
    )


@dataclass(frozen=True)
class Decision:
    """A claim and its verdict.

    ``differences``: of the pairs, positive where the arm that should be ahead is. ``stale``: why
    the records may not hold now, so that they do not decide. ``seen_before``: a record of them is
    older than the claim, so that whoever wrote it may have known its verdict. ``fragile``: the
    verdict does not outlast a correction for the number of claims.
    """

    claim: Claim
    verdict: Verdict
    differences: Sample | None = None
    stale: str | None = None
    seen_before: bool = False
    fragile: bool = False

    @property
    def p(self) -> float | None:
        """The p of its paired differences; None where the claim is not tested or is stale."""
        known = self.differences is not None and self.stale is None
        return p_of_differences(self.differences) if known and self.differences else None

    @property
    def perhaps_small(self) -> bool:
        """Whether it is decided, and perhaps by less than what matters."""
        comparison, decided = self.claim.comparison, self.verdict.status in ("holds", "opposite")
        return decided and comparison is not None and self.verdict.least < comparison.matters

    @property
    def decided(self) -> bool:
        """Whether the difference excludes 0."""
        return self.verdict.status in ("holds", "opposite", SMALL)

    @property
    def kind(self) -> str:
        """The verdict, or why there is none."""
        return self.stale or self.verdict.status


def decide(claim: Claim, groups: Iterable[Group]) -> Decision:
    """Pairs the trained records of both arms by seed, within one data hash and protocol.

    Pairs older than the claim count only until `MIN_SEEDS` newer ones are there.
    """
    comparison = claim.comparison
    if comparison is None:
        return Decision(claim, Verdict("not tested here"))
    groups = [group for group in groups if _is_of(group, comparison)]
    sides = [_side(claim, name, groups) for name in (comparison.ahead, comparison.behind)]
    pairs = [(a, b) for a, b in product(*sides) if a is None or b is None or _share(a, b)]
    found = [_decided(claim, comparison, ahead, behind) for ahead, behind in pairs]
    known = [one for one in found if one.verdict.status != "not run"]
    # What has values first, then records of the present code, then the most seeds.
    return min(
        known,
        key=lambda one: (_pairs(one) == 0, one.stale is not None, -_pairs(one)),
        default=Decision(claim, Verdict("not run")),
    )


def _pairs(decision: Decision) -> int:
    return decision.differences.n if decision.differences else 0


def _is_of(group: Group, comparison: Comparison) -> bool:
    record = group.latest
    fits = (f"{record.paper}/{record.recipe}", record.weights) == (comparison.setting, "trained")
    return fits and not group.scaled_by_hand


def _side(claim: Claim, name: str, groups: Sequence[Group]) -> list[Group | None]:
    """Returns the groups of an arm; a reference stands in the other arm's records."""
    if name.startswith(REFERENCE):
        return [None]
    arm, variants = name.partition(":")[0], (claim.variants or {})[name]
    return [g for g in groups if g.latest.arm == arm and g.latest.variant in variants]


def _share(one: Group, other: Group) -> bool:
    a, b = one.latest, other.latest
    return (a.data_hash, a.protocol) == (b.data_hash, b.protocol)


def _decided(
    claim: Claim, comparison: Comparison, ahead: Group | None, behind: Group | None
) -> Decision:
    deciding = [group for group in (ahead, behind) if group is not None]
    values = [
        deciding[0].values(comparison.metric, name.removeprefix(REFERENCE))
        if group is None
        else group.values(comparison.metric)
        for group, name in ((ahead, comparison.ahead), (behind, comparison.behind))
    ]
    if comparison.better == "lower":
        values.reverse()
    older = {r.seed for group in deciding for r in group.records if r.finished < claim.committed}
    newer = paired_differences(
        *({s: v for s, v in side.items() if s not in older} for side in values)
    )
    enough = newer is not None and newer.n >= MIN_SEEDS
    found = newer if enough else paired_differences(*values)
    verdict = judge_claim(found, comparison.matters)
    if found is None and (shared := values[0].keys() & values[1].keys()):
        seed = min(seed for seed in shared if None in (values[0][seed], values[1][seed]))
        verdict = Verdict(f"undefined at seed {seed}")
    return Decision(
        claim,
        verdict,
        found,
        next((group.stale for group in deciding if group.stale), None),
        bool(older) and not enough,
    )
