"""Records grouped by setting, each held against the present code."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from common.config.overrides import as_word
from common.results.configuration import flat_config
from common.results.ledger import Ledger
from common.results.record import CHANGED, NO_NUMBER, Record
from common.results.statistics import Sample, summarise


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

    @cached_property  # asked for half a million times in one leaderboard
    def latest(self) -> Record:
        """The record that finished last, which speaks for the setting."""
        return max(self.records, key=_age)

    @property
    def scaled_by_hand(self) -> str | None:
        """Why no reported number applies, whatever the reported numbers are."""
        reasons = [r.scaled_reason for r in self.records if r.scaled_reason != NO_NUMBER]
        return next((reason for reason in reasons if reason), None)

    @property
    def scaled_remark(self) -> str | None:
        """``scaled_by_hand``, with the values of changed keys where they are known."""
        reason = self.scaled_by_hand
        if reason is None or not reason.startswith(CHANGED):
            return reason
        _, *more = reason.split("; ")
        return "; ".join([CHANGED + ", ".join(self.changes), *more])

    @property
    def changes(self) -> list[str]:
        """``key=value`` of each key that was changed in the recipe; the key of an unknown value."""
        reason = self.scaled_by_hand
        if reason is None or not reason.startswith(CHANGED):
            return []
        values = dict(flat_config(self.latest.config or {}))
        keys = reason.removeprefix(CHANGED).partition("; ")[0].split(", ")
        return [as_word(key, values[key]) if key in values else key for key in keys]

    def sample(self, metric: str) -> Sample | None:
        """Returns mean and spread over the seeds; None if no run has the metric."""
        return sample_of((record.metrics for record in self.records), metric)

    def values(self, metric: str, reference: str | None = None) -> dict[int, float | None]:
        """Returns the runs' values by seed, or those of a reference measured in the same runs."""
        rows = {
            record.seed: record.metrics if reference is None else record.references.get(reference)
            for record in self.records
        }
        return {seed: row[metric] for seed, row in rows.items() if row and metric in row}


def sample_of(rows: Iterable[Mapping[str, float | None]], metric: str) -> Sample | None:
    """Returns mean and spread of ``metric``; None if a row leaves it undefined or none has it."""
    values = [row[metric] for row in rows if metric in row]
    defined = [value for value in values if value is not None]
    # Leaving out the seeds where a metric is undefined would flatter the others.
    return summarise(defined) if defined and len(defined) == len(values) else None


def paired_differences(
    ours: Mapping[int, float | None], theirs: Mapping[int, float | None]
) -> Sample | None:
    """Returns mean and spread of ours - theirs over the seeds that both have.

    None where they share none, or where one of the shared values is undefined.
    """
    found = []
    for seed in sorted(ours.keys() & theirs.keys()):
        one, other = ours[seed], theirs[seed]
        if one is None or other is None:
            return None
        found.append(one - other)
    return summarise(found) if found else None


def group_records(records: Iterable[Record], code: Code) -> list[Group]:
    """Returns the settings of `grouped` without stale ones that have been run again since."""
    return _without_superseded(grouped(records, code))


def grouped(records: Iterable[Record], code: Code) -> list[Group]:
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
    return found


def _age(record: Record) -> tuple[bool, str, str]:
    """Orders by the end; an evaluation of a run, which trained nothing, is older than trainings."""
    return record.samples_per_s > 0, record.finished, record.run_id


def _group_key(record: Record) -> tuple[str, ...]:
    setting = (record.paper, record.recipe, record.variant or "", record.arm, record.weights)
    return (*setting, record.data_hash, record.protocol, record.config_hash)


def _without_superseded(groups: list[Group]) -> list[Group]:
    fresh = {_setting(group) for group in groups if not group.stale}
    return [group for group in groups if not group.stale or _setting(group) not in fresh]


def _setting(group: Group) -> tuple[str | None, ...]:
    record = group.latest
    setting = (record.paper, record.recipe, record.variant, record.arm, record.weights)
    # Runs changed by hand are settings of their own.
    return (*setting, record.data, record.protocol, group.scaled_by_hand)
