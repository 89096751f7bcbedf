"""Arms side by side: mean and spread over seeds, paired differences to one arm, and tables."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from common.config.checkout import SOURCE_ROOT
from common.config.overrides import as_word
from common.config.references import read_recipe
from common.results.claims import Comparison, arms_of, load_all_claims
from common.results.configuration import flat_config
from common.results.groups import Group, grouped, paired_differences
from common.results.leaderboard import present_code
from common.results.ledger import STANDINGS
from common.results.metrics import BESIDE, ERROR
from common.results.pages.document import Block, Heading, Paragraph, Table, Verbatim
from common.results.pages.formatting import (
    decimals_of,
    difference_text,
    first_of_each_kind,
    sample_text,
    seeds_text,
    short_metric,
    shown_metrics,
    status_text,
)
from common.results.pages.sections import references_of
from common.results.record import TRIED, Record
from common.results.statistics import Sample, half_width
from common.results.verdicts import Verdict, judge_claim

COLUMNS = (
    *("data", "data_hash", "protocol", "split", "arm", "metric", "seeds", "mean", "deviation"),
    *("compared_with", "pairs", "difference", "low", "high", "verdict"),
)
HOW_PAIRED = ", paired by seed, with the half-width of their 95 % interval."
MOST_TABLES = 3  # unasked
Cell = str | int | float | None
# Words for less and for more than the arm compared with, by whether less is better; None: neither.
WORDS = {True: ("better", "worse"), False: ("worse", "better"), None: ("below", "above")}
SPLITS = ("test/", "val/")
Key = tuple[str, str, str]
Values = Mapping[int, float | None]


@dataclass(frozen=True)
class Arms:
    """Settings that were trained on the same data and measured alike, and what they are called.

    ``to`` is the one that the others are compared with. ``metrics`` are all that an arm has, those
    that tell most first; ``lower``: whether less of one is better, None where neither is.
    """

    groups: tuple[Group, ...]
    names: tuple[str, ...]
    to: Group
    metrics: tuple[str, ...]
    lower: Mapping[str, bool | None]

    @property
    def to_name(self) -> str:
        """The name of the arm that the others are compared with."""
        return self.names[self.groups.index(self.to)]

    def lines(self, metric: str) -> Iterator["ArmLine"]:
        """Yields a line for each arm, then for each encoder that learns nothing.

        The first arm that measured such an encoder speaks for it.
        """
        for name, group in zip(self.names, self.groups, strict=True):
            if group is self.to:
                yield ArmLine(name, group.sample(metric), None, None, group.stale)
            else:
                beside = self._beside(metric, group.values(metric))
                yield ArmLine(name, group.sample(metric), *beside, group.stale or self.to.stale)
        for name, (group, sample) in self._references(metric).items():
            beside = self._beside(metric, group.values(metric, name))
            yield ArmLine(name, sample, *beside, group.stale or self.to.stale)

    def _references(self, metric: str) -> dict[str, tuple[Group, Sample]]:
        found: dict[str, tuple[Group, Sample]] = {}
        for group in self.groups:
            for name, samples in references_of([group]).items():
                if metric in samples:
                    found.setdefault(name, (group, samples[metric]))
        return found

    def _beside(self, metric: str, values: Values) -> tuple[Sample | None, Verdict]:
        """Returns the differences to the arm that is compared with, and what they say."""
        to = self.to.values(metric)
        paired = paired_differences(values, to)
        verdict = judge_claim(paired, matters=0.0)
        below, above = WORDS[self.lower[metric]]
        none = "undefined in a run" if values.keys() & to.keys() else "no seed in common"
        words = {"holds": above, "opposite": below, "not run": none}
        return paired, replace(verdict, status=words.get(verdict.status, verdict.status))


@dataclass(frozen=True)
class ArmLine:
    """An arm's figures for one metric; ``verdict`` is None for the arm compared with.

    ``stale`` says why the values of either arm may not hold for the present code.
    """

    name: str
    sample: Sample | None
    differences: Sample | None
    verdict: Verdict | None
    stale: str | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the paired difference; None below two pairs."""
        width = half_width(self.differences, None, None) if self.differences else None
        mean = self.differences.mean if self.differences else 0.0
        return None if width is None else (mean - width, mean + width)


def measured_key(record: Record) -> Key:
    """Returns what arms share that can be compared: data, protocol and split."""
    return record.data_hash, record.protocol, record.looked_at or "test"


def side_by_side(records: Sequence[Record], to: str | None = None) -> list[Arms]:
    """Returns the arms of ``records``, together where they can be compared.

    The arms stand in the order in which ``records`` first has them; the first is compared with.

    Args:
        records: The last of a setting and seed counts.
        to: The arm to compare with: its name, variant or arm. Where it has no run it is the first.
    """
    groups = grouped(records, present_code(records, SOURCE_ROOT))
    place = {record.run_id: number for number, record in enumerate(records)}
    groups.sort(key=lambda group: min(place[record.run_id] for record in group.records))
    keys = dict.fromkeys(measured_key(group.latest) for group in groups)
    claimed = _claimed({record.paper for record in records})
    return [
        _arms([group for group in groups if measured_key(group.latest) == key], to, claimed)
        for key in keys
    ]


def is_called(name: str, group: Group, word: str) -> bool:
    """Tells whether ``word`` means the arm: its name, variant, arm or the arm's own name."""
    record = group.latest
    return word in (name, record.reference, record.variant, record.arm, record.arm.split("/")[-1])


def _arms(groups: list[Group], to: str | None, claimed: Sequence[Comparison]) -> Arms:
    names = _names([group.latest for group in groups])
    asked = (g for g, name in zip(groups, names, strict=True) if to and is_called(name, g, to))
    found = {metric for group in groups for record in group.records for metric in record.metrics}
    settings = {f"{group.latest.paper}/{group.latest.recipe}" for group in groups}
    claimed = sorted(claimed, key=lambda one: one.setting not in settings)
    better = {metric: one.better == "lower" for one in claimed for metric in _splits(one.metric)}
    lower = {
        metric: better.get(metric, None if BESIDE.search(metric) else bool(ERROR.search(metric)))
        for metric in found
    }
    telling_first = [metric for metric in better if metric in found]
    telling_first += [one for one in shown_metrics(found) if lower[one] is not None][-1:]
    return Arms(
        tuple(groups),
        tuple(names),
        next(asked, groups[0]),
        tuple(dict.fromkeys([*telling_first, *shown_metrics(found), *sorted(found)])),
        lower,
    )


def _splits(metric: str) -> list[str]:
    """Returns the metric on the test split and on the one by which pilots are chosen."""
    return [split + metric.removeprefix(SPLITS[0]) for split in SPLITS]


def _claimed(papers: Iterable[str]) -> list[Comparison]:
    """Returns the comparisons that the papers' claims make, each paper's main one first."""
    read = cache(read_recipe)
    found = [load_all_claims(lambda setting: arms_of(setting, read), paper=p) for p in papers]
    claims = [claim for one in found for of_paper in one.values() for claim in of_paper.claims]
    return [claim.comparison for claim in claims if claim.comparison]


def _names(records: Sequence[Record]) -> list[str]:
    """Returns each setting's recipe, or the user's loss, with what else tells it from others."""
    own = [_own_name(record) for record in records]
    names = []
    for name, record in zip(own, records, strict=True):
        published = " (published weights)" * (record.weights == "published")
        alike = [one for one, other in zip(records, own, strict=True) if other == name]
        names.append(" ".join([f"{name}{published}", *_own_words(record, alike)]))
    return [
        f"{name} {record.config_hash}" if names.count(name) > 1 else name
        for name, record in zip(names, records, strict=True)
    ]


def _own_name(record: Record) -> str:
    method = (record.config or {}).get("method") or {}
    is_trial = record.arm == f"baseline/{TRIED}" and "loss" in method
    return str(method["loss"]) if is_trial else record.reference


def _own_words(record: Record, alike: Sequence[Record]) -> Iterator[str]:
    """Yields the values of ``record``'s configuration that are not the same in all of ``alike``."""
    flat = [dict(flat_config(one.config or {})) for one in alike]
    for key, value in flat_config(record.config or {}):
        if key != "seed" and any(key in one and one[key] != value for one in flat):
            yield as_word(key, value)


def arms_blocks(arms: Arms, asked: Sequence[str] = ()) -> Iterator[Block]:
    """Yields what the arms share, a table for each metric, and what the words in it mean.

    Args:
        arms: To show.
        asked: The metrics; by default those that tell most.
    """
    record = arms.groups[0].latest
    protocols = record.protocol.replace("+", " and ") or "nothing measured"
    pilots = f", on {record.looked_at}" if record.looked_at else ""
    count = f"{len(arms.groups)} arm{'s' * (len(arms.groups) > 1)}"
    data = (
        f"{count} on {record.data} (",
        Verbatim(record.data_hash[:8]),
        f"): {protocols}{pilots}",
    )
    yield Heading(3, data)
    shown = [metric for metric in asked if metric in arms.metrics] or metrics_to_show(arms)
    for metric in shown:
        yield _table(arms, metric)
    if shown:
        to = (Verbatim(arms.to_name), HOW_PAIRED)
        yield Paragraph(("Mean ± standard deviation over seeds. Differences are to ", *to))
    for word in dict.fromkeys(group.stale for group in arms.groups if group.stale):
        yield Paragraph((Verbatim(word), f": {STANDINGS[word]}."))
    if more := [metric for metric in shown_metrics(arms.metrics) if metric not in shown]:
        yield Paragraph(f"Also measured, for --metric: {', '.join(map(short_metric, more))}.")


def metrics_to_show(arms: Arms) -> list[str]:
    """Returns the metrics that are shown unasked."""
    kept = shown_metrics(arms.metrics) if arms.metrics else []
    told = [one for one in arms.metrics if one in kept and not BESIDE.search(one)]
    return first_of_each_kind(told, r"[@_]\d+$")[:MOST_TABLES]


def _table(arms: Arms, metric: str) -> Table:
    lines = list(arms.lines(metric))
    first = next((line.sample for line in lines if line.sample), None)
    places = decimals_of(first.mean) if first else None
    less = ", less is better" if arms.lower[metric] else ""
    header = ("arm", f"{short_metric(metric)}{less}", "seeds", "difference", "verdict")
    return Table(header, [_cells(line, places) for line in lines])


def _cells(line: ArmLine, places: int | None) -> tuple[str, ...]:
    count = str(line.sample.n) if line.sample else "-"
    paired = line.differences
    difference = difference_text(paired, places)
    if paired and line.sample and paired.n < line.sample.n:
        difference += f", {seeds_text(paired.n)}"
    verdict = status_text(line.verdict, line.stale) if line.verdict else line.stale or "-"
    return line.name, sample_text(line.sample), count, difference, verdict


def arms_rows(arms: Arms) -> Iterator[tuple[Cell, ...]]:
    """Yields a row of `COLUMNS` for each metric and arm."""
    record = arms.groups[0].latest
    shared = record.data, record.data_hash, record.protocol, record.looked_at or "test"
    for metric in arms.metrics:
        for line in arms.lines(metric):
            sample, paired, verdict = line.sample, line.differences, line.verdict
            yield (
                *(*shared, line.name, metric),
                *((sample.n, sample.mean, sample.spread) if sample else (0, None, None)),
                *(arms.to_name if verdict else None, paired.n if paired else None),
                *(paired.mean if paired else None, *(line.interval or (None, None))),
                status_text(verdict, line.stale) if verdict else line.stale,
            )


def rows_as_csv(found: Sequence[Arms]) -> str:
    """Returns the rows of all ``found`` as CSV, below a line with `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for arms in found:
        writer.writerows(arms_rows(arms))
    return text.getvalue()
