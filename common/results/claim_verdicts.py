"""What the records say of a claim."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from common.results.board import Board
from common.results.claims import REFERENCE, Claim, Comparison
from common.results.groups import Group, differences
from common.results.statistics import MIN_SEEDS, Sample
from common.results.status import Verdict, judge_claim


@dataclass(frozen=True)
class Decision:
    """A claim and its verdict.

    ``differences``: of the pairs, positive where the arm that should be ahead is. ``stale``: why
    the records may not hold now, so that they do not decide. ``seen_before``: a record of them is
    older than the claim, so that whoever wrote it may have known its verdict.
    """

    claim: Claim
    verdict: Verdict
    differences: Sample | None = None
    stale: str | None = None
    seen_before: bool = False

    @property
    def kind(self) -> str:
        """The verdict, or why there is none."""
        return self.stale or self.verdict.status


def decisions(board: Board, paper: str) -> list[Decision]:
    """Returns the verdict of each claim of ``paper``, in the order of its file."""
    groups = [group for group in board.groups if group.latest.paper == paper]
    return [decide(claim, groups) for claim in board.claims_of(paper).claims]


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
    known = [one for one in found if one.differences is not None]
    # Records of the present code first, then the most seeds.
    best = max(known, key=lambda one: (one.stale is None, _pairs(one)), default=None)
    return best or Decision(claim, Verdict("not run"))


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
    newer = differences(*({s: v for s, v in side.items() if s not in older} for side in values))
    enough = newer is not None and newer.n >= MIN_SEEDS
    found = newer if enough else differences(*values)
    return Decision(
        claim,
        judge_claim(found, comparison.matters),
        found,
        next((group.stale for group in deciding if group.stale), None),
        bool(older) and not enough,
    )
