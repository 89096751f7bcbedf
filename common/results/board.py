"""Records beside reported numbers: grouped into rows, each with its verdict and its standing."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from common.config.recipe import load_recipe
from common.config.yaml_io import read_yaml
from common.errors import UsageError
from common.paper import get_paper, paper_names
from common.results.digest import code_digest
from common.results.ledger import Ledger, read_ledger
from common.results.record import NO_NUMBER, Record, default_root, load_records
from common.results.reported import Entry, Reference, load_all_reported
from common.results.statistics import (
    Sample,
    Verdict,
    judge_published,
    judge_trained,
    summarise,
)


@dataclass(frozen=True)
class Code:
    """The code and recipes as they stand now, which records are held against.

    ``digests`` and ``ledgers`` by paper; ``config_hashes`` by ``paper/recipe[:variant]``, without
    those that no longer load.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    config_hashes: Mapping[str, str] = field(default_factory=dict)

    def stale_reason(self, record: Record) -> str | None:
        """Returns the key of `STANDINGS` that says why ``record`` may not hold now, or None."""
        ledger = self.ledgers.get(record.paper, Ledger(paper=record.paper))
        standing = ledger.standing(record, self.digests.get(record.paper, ""))
        if standing is not None:
            return standing
        by_hand = record.scaled and record.scaled_reason != NO_NUMBER
        if not by_hand and self.config_hashes.get(record.reference) != record.config_hash:
            return "other recipe"
        return None


@dataclass(frozen=True)
class Group:
    """Runs of one setting, one a seed, in the order of their seeds."""

    records: tuple[Record, ...]
    stale: str | None

    @property
    def latest(self) -> Record:
        """The record that finished last, which speaks for the setting."""
        return max(self.records, key=_age)

    @property
    def scaled_by_hand(self) -> str | None:
        """Why no reported number applies, whatever the reported numbers are."""
        reasons = [r.scaled_reason for r in self.records if r.scaled_reason != NO_NUMBER]
        return next((reason for reason in reasons if reason), None)

    def sample(self, metric: str) -> Sample | None:
        """Returns mean and spread over the seeds; None if no run has the metric."""
        return sample_of((record.metrics for record in self.records), metric)


def sample_of(rows: Iterable[Mapping[str, float | None]], metric: str) -> Sample | None:
    """Returns mean and spread of ``metric``; None if a row leaves it undefined or none has it."""
    values = [row[metric] for row in rows if metric in row]
    defined = [value for value in values if value is not None]
    # Leaving out the seeds where a metric is undefined would flatter the others.
    return summarise(defined) if defined and len(defined) == len(values) else None


@dataclass(frozen=True)
class Row:
    """One reported metric beside ours; without a run ``group`` and ``ours`` are None."""

    entry: Entry
    metric: str
    group: Group | None
    ours: Sample | None
    verdict: Verdict

    @property
    def reference(self) -> Reference:
        """The reported number."""
        return self.entry.metrics[self.metric]

    @property
    def status(self) -> str:
        """The status as the leaderboard prints it."""
        if self.group is not None and self.group.stale:
            return f"{self.group.stale} ({self.verdict.status})"
        return self.verdict.status

    @property
    def misses(self) -> bool:
        """Whether ours is above or below, or its mean off by more than the margin.

        An inconclusive row can miss, too: its mean may be off while its interval is wide.
        """
        if self.verdict.status != "inconclusive":
            return self.verdict.status in ("above", "below")
        margin, gap = self.reference.margin, self.verdict.gap
        return gap is not None and margin is not None and abs(gap) > margin


def group_records(records: Iterable[Record], code: Code) -> list[Group]:
    """Groups by paper, arm, data, protocol and configuration; one record of each seed counts."""
    groups: dict[tuple[str, ...], dict[int, Record]] = defaultdict(dict)
    for record in sorted(records, key=_age):
        # Later records of the same seed take the place of earlier ones.
        groups[_group_key(record)][record.seed] = record
    found = []
    for key in sorted(groups):
        members = tuple(groups[key][seed] for seed in sorted(groups[key]))
        reasons = [code.stale_reason(record) for record in members]
        found.append(Group(members, next((reason for reason in reasons if reason), None)))
    return _without_superseded(found)


def _age(record: Record) -> tuple[str, str]:
    return record.finished, record.run_id


def _group_key(record: Record) -> tuple[str, ...]:
    setting = (record.paper, record.recipe, record.variant or "", record.arm, record.weights)
    return (*setting, record.data_hash, record.protocol, record.config_hash)


def _without_superseded(groups: list[Group]) -> list[Group]:
    """Leaves out stale groups whose setting has been run again since."""
    fresh = {_setting(group) for group in groups if not group.stale}
    return [group for group in groups if not group.stale or _setting(group) not in fresh]


def _setting(group: Group) -> tuple[str | None, ...]:
    record = group.latest
    setting = (record.paper, record.recipe, record.variant, record.arm, record.weights)
    # Runs changed by hand are settings of their own.
    return (*setting, record.data, record.protocol, group.scaled_by_hand)


def comparable_groups(entry: Entry, groups: Iterable[Group]) -> list[Group]:
    """Returns the groups that ``entry``'s numbers may be set beside."""
    return [g for g in groups if entry.applies_to(g.latest) and not g.scaled_by_hand]


def make_rows(entries: Iterable[Entry], groups: list[Group]) -> list[Row]:
    """Returns a row of each metric of each entry, for each group it applies to."""
    rows = []
    for entry in entries:
        matching: list[Group | None] = [*comparable_groups(entry, groups)]
        for group in matching or [None]:
            rows += [_row(entry, metric, group) for metric in entry.metrics]
    return rows


def _row(entry: Entry, metric: str, group: Group | None) -> Row:
    ours = group.sample(metric) if group is not None else None
    if group is None or ours is None:
        return Row(entry, metric, group, None, Verdict("not run"))
    reference = entry.metrics[metric]
    if entry.weights == "published":
        # Seeds change nothing but the evaluation's own draws.
        return Row(entry, metric, group, ours, judge_published(ours.mean, reference))
    return Row(entry, metric, group, ours, judge_trained(ours, reference))


@dataclass(frozen=True)
class Board:
    """Reported numbers, groups of runs, and the rows that set one beside the other."""

    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    titles: dict[str, str]

    def papers(self) -> list[str]:
        """Returns the papers with a reported number or a run, in alphabetical order."""
        named = {entry.paper for entry in self.entries}
        return sorted(named | {group.latest.paper for group in self.groups})

    def is_compared(self, group: Group) -> bool:
        """Tells whether a reported number is set beside ``group``."""
        return any(comparable_groups(entry, [group]) for entry in self.entries)

    def uncompared(self) -> list[Group]:
        """Returns the groups that no reported number is set beside."""
        return [group for group in self.groups if not self.is_compared(group)]

    def title(self, paper: str) -> str:
        """Returns the paper's folder name and title."""
        return f"{paper}: {self.titles[paper]}" if paper in self.titles else paper


def make_board(
    entries: Iterable[Entry],
    records: Iterable[Record],
    code: Code,
    titles: dict[str, str] | None = None,
) -> Board:
    """Builds a board from what was read."""
    entries, groups = tuple(entries), tuple(group_records(records, code))
    return Board(entries, groups, tuple(make_rows(entries, list(groups))), titles or {})


def read_board(root: Path | None = None, paper: str = "*") -> Board:
    """Reads the reported numbers and records of one paper, or of all, below ``root``.

    Raises:
        RecordError: A record that is broken.
        ConfigError: A file of reported numbers that is broken.
    """
    root = root or default_root()
    records, entries = load_records(root / "results", paper), load_all_reported(root, paper)
    return make_board(entries, records, present_code(records, root), _titles())


def _titles() -> dict[str, str]:
    papers = (get_paper(name) for name in paper_names())
    return {p.name: f"{p.title} ({p.venue} {p.year})" for p in papers}


def present_code(records: Iterable[Record], root: Path) -> Code:
    """Returns digests, ledgers and configuration hashes as the files stand now."""
    records = list(records)
    papers = sorted({record.paper for record in records})
    return Code(
        digests={paper: code_digest(paper, root) for paper in papers},
        ledgers={paper: read_ledger(paper, root) for paper in papers},
        config_hashes=present_hashes({record.reference for record in records}),
    )


def present_hashes(references: Iterable[str]) -> dict[str, str]:
    """Returns ``{paper/recipe[:variant]: configuration hash}`` of the recipes that load.

    A recipe that is gone or no longer fits the schema is left out: its runs are of another one.
    """
    read = cache(read_yaml)  # a file has many variants, and reading it is half of a recipe's time
    hashes = {}
    for reference in sorted(references):
        try:
            with warnings.catch_warnings():  # for those who run it, not for those who read of it
                warnings.simplefilter("ignore")
                hashes[reference] = load_recipe(reference, read=read).hash()
        except UsageError:
            continue
    return hashes
