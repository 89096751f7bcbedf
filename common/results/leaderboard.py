"""Records beside reported numbers and claims, each row with its verdict and its standing."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from common.config.checkout import SOURCE_ROOT
from common.config.recipe import load_recipe
from common.config.references import read_recipe
from common.data.modality import find_set
from common.errors import UsageError
from common.paper import get_paper, paper_names
from common.results.claims import Arms, PaperClaims, Read, arms_of, load_all_claims
from common.results.digest import code_digest
from common.results.groups import Code, Group, group_records, paired_differences
from common.results.ledger import read_ledger
from common.results.metrics import ERROR
from common.results.record import Record, load_records
from common.results.reported import Entry, ReportedNumber, load_all_reported
from common.results.statistics import Sample, kept_by_correction, summarise
from common.results.verdicts import (
    Control,
    Decision,
    Verdict,
    decide,
    judge_published,
    judge_trained,
)


@dataclass(frozen=True)
class ReportedRow:
    """One reported metric beside ours; without a run ``group`` and ``ours`` are None."""

    entry: Entry
    metric: str
    group: Group | None
    ours: Sample | None
    verdict: Verdict

    @property
    def reference(self) -> ReportedNumber:
        """The reported number."""
        return self.entry.metrics[self.metric]

    @property
    def kind(self) -> str:
        """The status, or why ours may not hold now."""
        return self.stale or self.verdict.status

    @property
    def stale(self) -> str | None:
        """Why ours may not hold now."""
        return self.group.stale if self.group and self.ours else None

    @property
    def status(self) -> str:
        """The status as the leaderboard prints it."""
        return f"{self.stale} ({self.verdict.status})" if self.stale else self.verdict.status

    @property
    def misses(self) -> bool:
        """Whether the mean of ours is off by more than the margin.

        An inconclusive row can miss, too: its mean may be off while its interval is wide.
        """
        gap = self.verdict.gap
        return (
            gap is not None and self.verdict.status != "exact" and abs(gap) > self.reference.margin
        )


def comparable_groups(entry: Entry, groups: Iterable[Group]) -> list[Group]:
    """Returns the groups that ``entry``'s numbers may be set beside."""
    return [g for g in groups if entry.applies_to(g.latest) and not g.scaled_by_hand]


def make_rows(entries: Iterable[Entry], groups: list[Group]) -> list[ReportedRow]:
    """Returns a row of each metric of each entry, for each group it applies to."""
    rows = []
    for entry in entries:
        matching: list[Group | None] = [*comparable_groups(entry, groups)]
        for group in matching or [None]:
            rows += [_row(entry, metric, group) for metric in entry.metrics]
    return rows


def _row(entry: Entry, metric: str, group: Group | None) -> ReportedRow:
    ours = group.sample(metric) if group is not None else None
    if group is None or ours is None:
        return ReportedRow(entry, metric, group, None, Verdict("not run"))
    reference = entry.metrics[metric]
    if entry.weights == "published":
        # Seeds change nothing but the evaluation's own draws.
        return ReportedRow(entry, metric, group, ours, judge_published(ours.mean, reference))
    verdict = judge_trained(ours, reference, control_of(group, metric))
    return ReportedRow(entry, metric, group, ours, verdict)


def control_of(group: Group, metric: str) -> Control | None:
    """Returns the encoder that learns nothing beside ``group``, over the seeds of both."""
    ours, untrained = group.values(metric), group.values(metric, "untrained")
    pair = (untrained, ours) if ERROR.search(metric) else (ours, untrained)
    better = paired_differences(*pair)
    shared = [value for seed, value in untrained.items() if seed in ours and value is not None]
    return Control(summarise(shared), better) if better is not None else None


@dataclass(frozen=True)
class Leaderboard:
    """Reported numbers, groups of runs, and the rows that set one beside the other."""

    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    rows: tuple[ReportedRow, ...]
    titles: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, PaperClaims] = field(default_factory=dict)
    # By ``paper/recipe``.
    arms: Mapping[str, Arms] = field(default_factory=dict)
    # Pilots and runs of the official code, which are compared with nothing.
    aside: tuple[Record, ...] = ()

    def papers(self) -> list[str]:
        """Returns the papers with a reported number, a claim or a run, in alphabetical order."""
        named = {entry.paper for entry in self.entries} | self.claims.keys()
        named |= {record.paper for record in self.aside}
        return sorted(named | {group.latest.paper for group in self.groups})

    def name_of(self, record: Record) -> str:
        """Returns ``recipe[:variant]``, without a variant that changes nothing of the recipe."""
        own = self.arms.get(f"{record.paper}/{record.recipe}", {}).get("method", [()])[0]
        variant = None if None in own and record.variant in own else record.variant
        return f"{record.recipe}:{variant}" if variant else record.recipe

    def claims_of(self, paper: str) -> PaperClaims:
        """Returns the paper's claims, none where it has no file of them."""
        return self.claims.get(paper, PaperClaims(claims=[]))

    def decisions(self, paper: str) -> list[Decision]:
        """Returns the verdict of each claim of ``paper``, in the order of its file."""
        return self._decisions.get(paper, [])

    @cached_property
    def _decisions(self) -> dict[str, list[Decision]]:
        """The decisions of all papers: whether one is fragile depends on all others."""
        found = {
            paper: [decide(claim, self._groups_of(paper)) for claim in known.claims]
            for paper, known in self.claims.items()
        }
        tested = [p for some in found.values() for one in some if (p := one.p) is not None]
        kept = kept_by_correction(tested)

        def judged(one: Decision) -> Decision:
            p = one.p
            return replace(one, fragile=one.decided and p is not None and p > kept)

        return {paper: [judged(one) for one in some] for paper, some in found.items()}

    def _groups_of(self, paper: str) -> list[Group]:
        return [group for group in self.groups if group.latest.paper == paper]

    def headline(self, paper: str) -> Decision | None:
        """Returns the paper's first claim that runs tell of, or None.

        One on real data comes before one on generated data, and one with newer runs before one
        that was seen before.
        """
        tried = [one for one in self.decisions(paper) if one.differences is not None]
        return min(tried, key=lambda one: (self.is_generated(one), one.seen_before), default=None)

    def is_generated(self, decision: Decision) -> bool:
        """Tells whether the project drew the samples that the claim was tried on."""
        comparison = decision.claim.comparison
        name = self._data.get(comparison.setting) if comparison else None
        return name is not None and is_drawn(name)

    @cached_property
    def _data(self) -> dict[str, str]:
        """The data set of each ``paper/recipe`` with a run."""
        return {f"{g.latest.paper}/{g.latest.recipe}": g.latest.data for g in self.groups}

    def is_compared(self, group: Group) -> bool:
        """Tells whether a reported number is set beside ``group``."""
        return any(comparable_groups(entry, [group]) for entry in self.entries)

    def uncompared(self) -> list[Group]:
        """Returns the groups that no reported number is set beside."""
        return [group for group in self.groups if not self.is_compared(group)]

    def title(self, paper: str) -> str:
        """Returns the paper's folder name and title."""
        return f"{paper}: {self.titles[paper]}" if paper in self.titles else paper


@cache
def is_drawn(name: str) -> bool:
    """Tells whether the project drew or composed the samples of the data set ``name``."""
    found = find_set(name)
    return found is not None and found.generated


def make_leaderboard(
    entries: Iterable[Entry], records: Iterable[Record], code: Code, **read: Mapping[str, Any]
) -> Leaderboard:
    """Builds a board from what was read; ``read`` are its mappings, by name."""
    entries, records = tuple(entries), list(records)
    groups = group_records([record for record in records if record.counts], code)
    aside = tuple(record for record in records if not record.counts)
    return Leaderboard(
        entries, tuple(groups), tuple(make_rows(entries, groups)), aside=aside, **read
    )


def read_leaderboard(
    root: Path | None = None, paper: str = "*", results: Path | None = None
) -> Leaderboard:
    """Reads reported numbers, claims and records of one paper, or of all, below ``root``.

    Args:
        root: The folder that holds ``papers/``; this checkout by default.
        paper: Its folder's name.
        results: The folder of the records. With it papers without a record are left out.

    Raises:
        RecordError: A record that is broken.
        ConfigError: A file of reported numbers or of claims that is broken.
    """
    root = root or SOURCE_ROOT
    read = cache(read_recipe)  # a file has many variants, and reading it is half of a recipe's time
    records = load_records(root / "results" if results is None else results, paper)
    entries = load_all_reported(root, paper)
    arms = {
        setting: known
        for setting in sorted({f"{record.paper}/{record.recipe}" for record in records})
        if (known := _arms(setting, read))
    }
    claims = load_all_claims(cache(lambda setting: arms_of(setting, read)), root, paper)
    if results is not None:
        shown = {record.paper for record in records}
        entries = [entry for entry in entries if entry.paper in shown]
        claims = {name: found for name, found in claims.items() if name in shown}
    code = present_code(records, root, read)
    return make_leaderboard(entries, records, code, titles=_titles(), claims=claims, arms=arms)


def _arms(setting: str, read: Read) -> Arms | None:
    try:
        return arms_of(setting, read)
    except UsageError:  # a recipe that is gone
        return None


def _titles() -> dict[str, str]:
    papers = (get_paper(name) for name in paper_names())
    return {p.name: f"{p.title} ({p.venue} {p.year})" for p in papers}


def present_code(records: Iterable[Record], root: Path, read: Read = read_recipe) -> Code:
    """Returns digests, ledgers and configuration hashes as the files stand now."""
    records = list(records)
    papers = sorted({record.paper for record in records})
    return Code(
        digests={paper: code_digest(paper, root) for paper in papers},
        ledgers={paper: read_ledger(paper, root) for paper in papers},
        config_hashes=present_hashes({record.reference for record in records}, read),
    )


def present_hashes(references: Iterable[str], read: Read = read_recipe) -> dict[str, str]:
    """Returns ``{paper/recipe[:variant]: configuration hash}`` of the recipes that load.

    A recipe that is gone or no longer fits the schema is left out: its runs are of another one.
    """
    hashes = {}
    for reference in sorted(references):
        try:
            with warnings.catch_warnings():  # for those who run it, not for those who read of it
                warnings.simplefilter("ignore")
                hashes[reference] = load_recipe(reference, read=read).hash()
        except UsageError:
            continue
    return hashes
