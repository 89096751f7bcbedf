"""Arms side by side: mean and spread over seeds, and paired differences to one of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from common.config.checkout import SOURCE_ROOT
from common.config.overrides import as_word
from common.config.yaml_io import read_yaml
from common.results.claims import Comparison, arms_of, load_all_claims
from common.results.configuration import flat_config
from common.results.groups import Group, grouped, paired_differences
from common.results.leaderboard import present_code
from common.results.metrics import BESIDE, ERROR
from common.results.pages.formatting import shown_metrics
from common.results.pages.sections import references_of
from common.results.record import Record
from common.results.statistics import Sample, half_width
from common.results.verdicts import Verdict, judge_claim

# Words for less and for more than the arm compared with, by whether less is better; None: neither.
WORDS = {True: ("better", "worse"), False: ("worse", "better"), None: ("below", "above")}
SPLITS = ("test/", "val/")
Key = tuple[str, str, str]


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
        to = self.to.values(metric)
        for name, group in zip(self.names, self.groups, strict=True):
            if group is self.to:
                yield ArmLine(name, group.sample(metric), None, None, group.stale)
            else:
                paired = paired_differences(group.values(metric), to)
                stale = group.stale or self.to.stale
                yield ArmLine(
                    name, group.sample(metric), paired, self._verdict(metric, paired), stale
                )
        for name, (group, sample) in self._references(metric).items():
            paired = paired_differences(group.values(metric, name), to)
            yield ArmLine(name, sample, paired, self._verdict(metric, paired), self.to.stale)

    def _references(self, metric: str) -> dict[str, tuple[Group, Sample]]:
        found: dict[str, tuple[Group, Sample]] = {}
        for group in self.groups:
            for name, samples in references_of([group]).items():
                if metric in samples:
                    found.setdefault(name, (group, samples[metric]))
        return found

    def _verdict(self, metric: str, paired: Sample | None) -> Verdict:
        verdict = judge_claim(paired, matters=0.0)
        below, above = WORDS[self.lower[metric]]
        words = {"holds": above, "opposite": below, "not run": "no seed in common"}
        status = words.get(verdict.status, verdict.status)
        return Verdict(status, verdict.gap, verdict.half_width, verdict.seeds)


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
    read = cache(read_yaml)
    found = [load_all_claims(lambda setting: arms_of(setting, read), paper=p) for p in papers]
    claims = [claim for one in found for of_paper in one.values() for claim in of_paper.claims]
    return [claim.comparison for claim in claims if claim.comparison]


def _names(records: Sequence[Record]) -> list[str]:
    """Returns each setting's recipe, with what else tells it from others of this recipe."""
    names = []
    for record in records:
        name = record.reference
        if record.weights == "published":
            name += " (published weights)"
        alike = [one for one in records if one.reference == record.reference]
        names.append(" ".join([name, *_own_words(record, alike)]))
    return [
        f"{name} {record.config_hash}" if names.count(name) > 1 else name
        for name, record in zip(names, records, strict=True)
    ]


def _own_words(record: Record, alike: Sequence[Record]) -> Iterator[str]:
    """Yields the values of ``record``'s configuration that are not the same in all of ``alike``."""
    flat = [dict(flat_config(one.config or {})) for one in alike]
    for key, value in flat_config(record.config or {}):
        if key != "seed" and any(one.get(key) != value for one in flat if one):
            yield as_word(key, value)
