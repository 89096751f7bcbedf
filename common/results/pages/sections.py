"""Arms that were measured alike, and the metric to compare them by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from common.results.claims import Comparison
from common.results.groups import Group, paired_differences, sample_of
from common.results.leaderboard import Leaderboard
from common.results.pages.formatting import shown_metrics
from common.results.record import Record
from common.results.statistics import Sample

# Measured like an untrained encoder, but fitted to the labels, so that they are a rival.
LEARNING_REFERENCES = ("trees",)


@dataclass(frozen=True)
class Section:
    """Settings of one recipe, on the same data and under the same protocol.

    ``method`` is the first setting of the method in the recipe's file; ``groups`` have it first,
    and then the method's others. Where only rivals were run with a changed recipe, such as those
    of as much time, it is that of the recipe itself, and not among the groups. ``metric`` is the
    one to compare them by; ``lower``: less of it is better, None where no claim says.
    """

    groups: tuple[Group, ...]
    method: Group | None
    metric: str | None
    lower: bool | None = None

    @property
    def setting(self) -> str:
        """``paper/recipe``."""
        return f"{self.groups[0].latest.paper}/{self.groups[0].latest.recipe}"

    def sample(self, group: Group) -> Sample | None:
        """Returns mean and spread of the section's metric over the seeds of ``group``."""
        return group.sample(self.metric) if self.metric else None

    def to_method(self, values: Mapping[int, float | None]) -> Sample | None:
        """Returns the paired differences of values by seed to the method's."""
        if self.method is None or self.metric is None:
            return None
        return paired_differences(values, self.method.values(self.metric))

    def difference(self, group: Group) -> Sample | None:
        """Returns the paired differences of ``group`` to the method; None for the method itself."""
        if self.metric is None or group is self.method:
            return None
        return self.to_method(group.values(self.metric))

    def any_difference(self, group: Group) -> Sample | None:
        """Returns the differences of an arm to the first setting of the method that shares seeds.

        One ablation may have the method's length or rate of before, and another today's. Settings
        of the method have `difference`.
        """
        if self.metric is None or group.latest.arm == "method":
            return self.difference(group)
        values = group.values(self.metric)
        methods = [one for one in self.groups if one.latest.arm == "method"]
        methods = methods or [one for one in [self.method] if one]
        pairs = (paired_differences(values, one.values(self.metric)) for one in methods)
        return next((pair for pair in pairs if pair is not None), None)

    def references(self) -> dict[str, tuple[Sample, Sample | None]]:
        """Returns each learning-free reference: mean and spread, and differences to the method.

        An untrained encoder has the architecture of the arm it was measured with, so the first
        group that has a reference speaks for it: the method's, where there is one.
        """
        found: dict[str, tuple[Sample, Sample | None]] = {}
        for name, samples in references_of(self.groups).items():
            if self.metric is not None and self.metric in samples:
                paired = self.method.values(self.metric, name) if self.method else {}
                found[name] = samples[self.metric], self.to_method(paired)
        return found


def references_of(groups: Sequence[Group]) -> dict[str, dict[str, Sample]]:
    """Returns mean and spread of each metric of each reference, of the first group that has it."""
    found: dict[str, dict[str, Sample]] = {}
    for group in groups:
        for name in sorted({name for record in group.records for name in record.references}):
            rows = [one.references[name] for one in group.records if name in one.references]
            metrics = sorted({metric for row in rows for metric in row})
            samples = {metric: sample_of(rows, metric) for metric in metrics}
            if known := {metric: sample for metric, sample in samples.items() if sample}:
                found.setdefault(name, known)
    return found


def sections_of(board: Leaderboard, paper: str) -> list[Section]:
    """Returns the sections of ``paper`` that have a metric, by recipe and data."""
    found: dict[tuple[str, ...], list[Group]] = {}
    for group in sorted(board.groups, key=arm_order):
        record = group.latest
        if record.paper == paper and record.metrics:
            measured = (record.data, record.data_hash, record.protocol)
            setting = (record.recipe, *measured, record.weights, group.scaled_by_hand or "")
            found.setdefault(setting, []).append(group)
    made = {key: _section(board, tuple(groups)) for key, groups in sorted(found.items())}
    for key, section in made.items():
        recipe = made.get((*key[:-1], ""))
        if section.method is None and recipe and recipe.metric == section.metric:
            made[key] = replace(section, method=recipe.method)
    return [*made.values()]


def arm_order(group: Group) -> tuple[int, str, str, str]:
    """Orders groups as `record_order` does their records."""
    return record_order(group.latest)


def record_order(record: Record) -> tuple[int, str, str, str]:
    """Orders the method before its ablations, and these before the baselines."""
    rank = ("method", "ablation", "baseline").index(record.arm.split("/")[0])
    return rank, record.arm, record.reference, record.config_hash


def _section(board: Leaderboard, groups: tuple[Group, ...]) -> Section:
    record = groups[0].latest
    methods = [group for group in groups if group.latest.arm == "method"]
    arms = board.arms.get(f"{record.paper}/{record.recipe}", {})
    settings = arms.get("method", [])
    named = [group for names in settings for group in methods if group.latest.variant in names]
    method = next(iter(named or methods), None)
    groups = tuple(sorted(groups, key=lambda group: group is not method))
    metrics = shown_metrics({metric for group in groups for metric in group.latest.metrics})
    section = Section(groups, method, telling(metrics))
    for comparison in _comparisons(board, record.paper, section.setting):
        if comparison.metric in metrics:
            return replace(section, metric=comparison.metric, lower=comparison.better == "lower")
    return section


def _comparisons(board: Leaderboard, paper: str, setting: str) -> Iterator[Comparison]:
    """Yields the comparisons of the paper's claims, those of ``setting`` first."""
    known = [claim.comparison for claim in board.claims_of(paper).claims if claim.comparison]
    yield from sorted(known, key=lambda comparison: comparison.setting != setting)


def telling(metrics: list[str]) -> str | None:
    """Returns the last of the metrics: of all labels, or the largest cut-off."""
    whole = [metric for metric in metrics if "@" not in metric]
    return next(reversed(whole or metrics), None)
