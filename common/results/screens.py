"""Arms of all papers that were measured alike on one data set, by modality and by budget."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from common.data.modality import Screen
from common.paper import Paper, get_paper, paper_names
from common.registry import WINGS, wing
from common.results.groups import Group, paired_differences, sample_of
from common.results.leaderboard import Leaderboard
from common.results.metrics import ERROR
from common.results.pages.sections import sections_of
from common.results.record import Record, has_rows
from common.results.statistics import MIN_SEEDS, Sample, half_width

# Budgets that differ by less count as one: a last batch that is dropped is no other training.
SAME_BUDGET = 1.02


@dataclass(frozen=True)
class MeasuredArm:
    """An arm of a table; ``labels``: whether it is trained with labels of the samples."""

    group: Group
    sample: Sample
    labels: bool

    @property
    def paper(self) -> str:
        """Whose arm it is."""
        return self.group.latest.paper

    @property
    def seen(self) -> int:
        """How many samples it was trained on, one that comes again counted again."""
        record = self.group.latest
        return record.batches * record.global_batch

    @property
    def minutes(self) -> float:
        """The median over seeds of what a run took, its evaluation included."""
        return median(record.wall_s for record in self.group.records) / 60


@dataclass(frozen=True)
class MeasuredAlike:
    """Arms on the same data by the same settings of a protocol, and what learns nothing there.

    ``budgets`` hold the lines that were trained on as many samples, or by one recipe. In them and
    in ``references`` the best stands first.
    """

    screen: Screen
    data_hash: str
    budgets: tuple[tuple[MeasuredArm, ...], ...]
    references: dict[str, Sample]

    @property
    def main(self) -> list[MeasuredArm]:
        """The lines of the longest budget that two papers share, or that two arms of one have.

        Without those that may not hold now; all of them where no two arms have one budget.
        """
        fresh = [[line for line in lines if not line.group.stale] for lines in self.budgets]
        least = min(2, len({line.paper for lines in fresh for line in lines}))
        shared = [lines for lines in fresh if len(lines) > 1 and _reach(lines)[0] >= least]
        if shared:
            return max(shared, key=_length)
        return sorted(chain(*fresh), key=lambda line: sort_key(line.sample, self.screen))

    @property
    def lines(self) -> list[MeasuredArm]:
        """All lines."""
        return [line for lines in self.budgets for line in lines]


def _reach(lines: Sequence[MeasuredArm]) -> tuple[int, int]:
    """Returns how many papers and how many arms ``lines`` compare."""
    return len({line.paper for line in lines}), len(lines)


def screens() -> list[tuple[str, Screen]]:
    """Returns all screens with their modality's title; that which most papers take comes first."""
    taken = Counter(get_paper(name).modalities[0] for name in paper_names())
    ordered = [wing(name) for name in sorted(WINGS, key=lambda name: -taken[name])]
    return [(one.title, each) for one in ordered for each in getattr(one, "screens", ())]


def less_is_better(screen: Screen) -> bool:
    """Tells whether the smaller value of its metric is the better one."""
    return bool(ERROR.search(screen.metric))


def _length(lines: Sequence[MeasuredArm]) -> int:
    """Returns how many samples ``lines`` saw."""
    return max(line.seen for line in lines)


def sort_key(sample: Sample, screen: Screen) -> float:
    """Returns what sorts the best first."""
    return sample.mean if less_is_better(screen) else -sample.mean


def measured(board: Leaderboard, screen: Screen) -> list[MeasuredAlike]:
    """Returns the tables of ``screen``, one for each content of the data set, most papers first.

    They hold methods and baselines, and the ablations whose mean is ahead of their method's.
    """
    found: dict[tuple[str, str], list[Group]] = {}
    for group in board.groups:
        if _fits(group, screen):
            found.setdefault(_measured_key(group.latest, screen), []).append(group)
    papers = {group.latest.paper for groups in found.values() for group in groups}
    ahead = [id(group) for paper in papers for group in _ablations_ahead(board, paper, screen)]
    tables = [_table(board, screen, groups, ahead) for groups in found.values()]
    return sorted(
        (one for one in tables if one.lines), key=lambda one: _reach(one.lines), reverse=True
    )


def one_budget(lines: Sequence[MeasuredArm]) -> bool:
    """Tells whether ``lines`` were trained on as many samples."""
    seen = [line.seen for line in lines]
    return max(seen) <= SAME_BUDGET * min(seen)


def _fits(group: Group, screen: Screen) -> bool:
    record = group.latest
    trained = record.weights == "trained" and record.batches > 0
    measured = record.data == screen.data and screen.protocol in record.protocols
    return trained and measured and has_rows(record) and group.sample(screen.metric) is not None


def _measured_key(record: Record, screen: Screen) -> tuple[str, str]:
    """Returns what must be equal: the data, and how the protocol and the checkpoint were set."""
    evaluation = (record.config or {}).get("evaluation", {})
    settings = evaluation.get(screen.protocol.replace("-", "_"))
    return record.data_hash, json.dumps([record.selection, settings], sort_keys=True)


def _ablations_ahead(board: Leaderboard, paper: str, screen: Screen) -> Iterator[Group]:
    """Yields what is ahead of the first method of its recipe, on the data set of ``screen``."""
    for section in sections_of(board, paper):
        if section.method is not None and section.method.latest.data == screen.data:
            base = section.method.values(screen.metric)
            for group in section.groups:
                gap = paired_differences(group.values(screen.metric), base)
                if gap and gap.mean and (gap.mean < 0) == less_is_better(screen):
                    yield group


def _table(
    board: Leaderboard, screen: Screen, groups: list[Group], ahead: list[int]
) -> MeasuredAlike:
    lines = []
    for group in groups:
        sample = group.sample(screen.metric)
        if sample and (not group.latest.arm.startswith("ablation/") or id(group) in ahead):
            labels = uses_labels(board, get_paper(group.latest.paper), group.latest)
            lines.append(MeasuredArm(group, sample, labels))
    budgets: list[list[MeasuredArm]] = []
    for line in sorted(lines, key=lambda line: -line.seen):
        for budget in budgets if screen.by_recipe else budgets[-1:]:
            if _same_budget(budget[0], line, screen):
                budget.append(line)
                break
        else:
            budgets.append([line])
    ordered = (sorted(one, key=lambda line: sort_key(line.sample, screen)) for one in budgets)
    found = _references(groups, screen.metric).items()
    references = dict(sorted(found, key=lambda one: (sort_key(one[1], screen), one[0])))
    return MeasuredAlike(screen, groups[0].latest.data_hash, tuple(map(tuple, ordered)), references)


def uses_labels(board: Leaderboard, paper: Paper, record: Record) -> bool:
    """Tells whether the arm is trained with labels, as ``paper`` declares."""
    more_labels = board.claims_of(record.paper).more_labels or []
    return record.arm in more_labels or paper.target not in ("none", "next item")


def _same_budget(one: MeasuredArm, other: MeasuredArm, screen: Screen) -> bool:
    if screen.by_recipe:
        a, b = one.group.latest, other.group.latest
        return (a.paper, a.recipe) == (b.paper, b.recipe)
    return one_budget([one, other])


def _references(groups: Sequence[Group], metric: str) -> dict[str, Sample]:
    """Returns each learning-free reference; the arm that measured it with most seeds speaks."""
    found: dict[str, Sample] = {}
    for group in groups:
        for name in {name for record in group.records for name in record.references}:
            values = [{metric: value} for value in group.values(metric, name).values()]
            sample = sample_of(values, metric)
            if sample and (name not in found or sample.n > found[name].n):
                found[name] = sample
    return found


def clearly_apart(one: Sample, other: Sample) -> bool:
    """Tells whether the 95 % interval of the difference of two means excludes 0, by Welch."""
    width = half_width(one, other.spread, other.n)
    enough = min(one.n, other.n) >= MIN_SEEDS
    return enough and width is not None and abs(one.mean - other.mean) > width


def measured_again(table: MeasuredAlike) -> Iterator[list[MeasuredArm]]:
    """Yields the lines of arms that more than one paper has trained."""
    named: dict[str, list[MeasuredArm]] = {}
    for line in table.lines:
        record = line.group.latest
        kind, _, name = record.arm.partition("/")
        if kind != "ablation":
            named.setdefault(name or record.paper, []).append(line)
    for lines in named.values():
        if len({line.group.latest.paper for line in lines}) > 1:
            yield lines
