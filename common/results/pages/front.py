"""The front page's table: a line a paper, with what decides whether to read on."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

from common.results.board import Board
from common.results.claim_verdicts import decisions
from common.results.groups import Group
from common.results.pages.document import Link, Paragraph, Table, Text, Verbatim, joined
from common.results.pages.formatting import (
    decimals_of,
    difference_text,
    sample_text,
    seeds_text,
    short_metric,
)
from common.results.pages.sections import Section, sections_of
from common.results.reported import OFFICIAL
from common.results.statistics import MIN_SEEDS, Sample, excludes_zero

# Measured like an untrained encoder, but fitted to the labels, so that they are a rival.
LEARNING_REFERENCES = ("trees",)
HEADER = (
    *("paper", "reported numbers", "claims", "compared by", "ours", "best rival", "no learning"),
    *("ablation that matters", "start from"),
)
# As many columns fit on a page with other things.
SMALL = 7


@dataclass(frozen=True)
class Candidate:
    """An arm, or what learns nothing, beside the method of a section.

    ``kind`` is the first word of an arm, or the reference's name; ``start`` tells how to train it.
    ``differences`` are paired ones to the method, None for the method itself.
    """

    kind: str
    name: Text
    start: Text
    values: Sample
    differences: Sample | None

    @property
    def gap(self) -> float:
        """The mean of the differences where these exclude 0, else 0."""
        told = self.differences is not None and excludes_zero(self.differences)
        return self.differences.mean if told and self.differences else 0.0


@dataclass(frozen=True)
class Front:
    """What stands beside a paper's method in one section.

    ``ablation`` is the one that changes most of those whose difference excludes 0. ``best`` is
    something that sees no more labels and is ahead of the method by a difference that excludes 0.
    """

    section: Section
    method: Group
    ours: Sample
    rival: Candidate | None
    nothing: Candidate | None
    ablation: Candidate | None
    best: Candidate | None


def front_of(board: Board, paper: str) -> Front | None:
    """Returns what stands beside the method in the setting of the first claim that has been run.

    Of a setting's sections, that with the arms which a claim names comes first. Where no claim has
    been run: the setting with most arms. None without claims or runs.
    """
    sections = [one for one in sections_of(board, paper) if one.lower is not None]
    fronts = [front for one in sections if (front := _front(board, one))]
    named: dict[str, set[str | None]] = {}
    for claim in board.claims_of(paper).claims:
        if claim.comparison:
            arms = (claim.variants or {}).values()
            named.setdefault(claim.comparison.setting, set()).update(*arms)

    def rank(front: Front) -> tuple[int, bool, bool, bool, int]:
        section = front.section
        place = [*named, section.setting].index(section.setting)
        beside = front.method.latest.variant not in named.get(section.setting, ())
        quick = section.groups[0].latest.recipe == "quick"
        return place, beside, quick, bool(front.method.stale), -len(section.groups)

    return min(fronts, key=rank, default=None)


def _front(board: Board, section: Section) -> Front | None:
    method = section.method
    ours = section.sample(method) if method else None
    if method is None or ours is None:
        return None
    if method.latest.weights != "trained" or method.scaled_by_hand:
        return None
    more_labels = board.claims_of(method.latest.paper).more_labels or []
    arms = [
        _candidate(board, section, group, sample)
        for group in section.groups
        if group.latest.arm not in more_labels and (sample := section.sample(group))
    ]
    references = [
        Candidate(name, name, _measured(section, name), *samples)
        for name, samples in section.references().items()
    ]
    learned = [one for one in references if one.kind in LEARNING_REFERENCES]
    ablations = [one for one in arms if one.kind == "ablation" and one.gap]
    sign = -1 if section.lower else 1
    return Front(
        section,
        method,
        ours,
        _strongest(section, [*(one for one in arms if one.kind == "baseline"), *learned]),
        _strongest(section, [one for one in references if one not in learned]),
        max(ablations, key=lambda one: abs(one.gap), default=None),
        _strongest(section, [one for one in [*arms, *references] if sign * one.gap > 0]),
    )


def _measured(section: Section, name: str) -> Text:
    return joined(f"{name}, which each run of ", (Verbatim(section.setting),), " measures")


def _candidate(board: Board, section: Section, group: Group, values: Sample) -> Candidate:
    record = group.latest
    stale = (
        f" ({group.stale})" if group.stale and section.method and not section.method.stale else ""
    )
    shown = board.name_of(record)
    name = joined((Verbatim(shown.partition(":")[2] or shown),), stale)
    start, kind = (Verbatim(f"{record.paper}/{shown}"),), record.arm.partition("/")[0]
    return Candidate(kind, name, start, values, section.difference(group))


def _strongest(section: Section, candidates: list[Candidate]) -> Candidate | None:
    sign = -1 if section.lower else 1
    return max(candidates, key=lambda one: sign * one.values.mean, default=None)


def front_table(
    board: Board, link: Callable[[str], str], columns: int = len(HEADER)
) -> Table | Paragraph:
    """Returns a line a paper.

    Args:
        board: What to show.
        link: Gives where a paper's name leads to.
        columns: How many of `HEADER`.
    """
    rows = [
        (
            (Link(paper, link(paper)),),
            reported_text(board, paper),
            _claims(board, paper),
            *_cells(board, front_of(board, paper)),
        )[:columns]
        for paper in board.papers()
    ]
    return Table(HEADER[:columns], rows) if rows else Paragraph("No runs yet.")


def reported_text(board: Board, paper: str) -> str:
    """Returns how many reported numbers are reproduced, how far off they are, and the others."""
    rows = [row for row in board.rows if row.entry.paper == paper]
    kinds = Counter(row.kind for row in rows)
    compared = kinds.total() - kinds["not run"]
    exact, reproduced = kinds.pop("exact", 0), kinds.pop("reproduced", 0)
    first = [f"{exact} of {compared} exact"] if exact else []
    if reproduced or (compared and not exact):
        first.append(f"{reproduced} of {compared} reproduced")
        gaps = [abs(row.verdict.gap / row.reference.value) for row in rows if row.verdict.gap]
        first.append(f"median gap {100 * median(gaps):.1f} %")
    text = _counted(first, kinds) or "none known"
    official = rows and all(row.entry.origin == OFFICIAL for row in rows)
    return f"{text} (numbers of the official code, run here)" if official else text


def _claims(board: Board, paper: str) -> str:
    found = decisions(board, paper)
    text = _counted([], Counter(one.kind for one in found)) or "none written down"
    seen = sum(one.seen_before for one in found)
    return f"{text} ({seen} of {len(found)} seen before)" if seen else text


def _counted(first: list[str], kinds: Counter[str]) -> str:
    return "; ".join([*first, *(f"{count} {kind}" for kind, count in kinds.most_common() if count)])


def ablation_text(front: Front) -> Text:
    """Returns the ablation that changes most, and whether it is better or worse than the method."""
    ablation = front.ablation
    if ablation is None or ablation.differences is None:
        return "no difference excludes 0"
    gap, places = ablation.differences, decimals_of(front.ours.mean)
    worse = (gap.mean > 0) == bool(front.section.lower)
    size = difference_text(replace(gap, mean=abs(gap.mean)), places).removeprefix("+")
    word = "worse" if worse else "better: the method's own part does not help here"
    return joined(ablation.name, f" is {size} {word}")


def start_text(board: Board, front: Front) -> Text:
    """Returns what to start from, with what is as good and learns nothing."""
    if front.best:
        return front.best.start
    method = (Verbatim(f"{front.method.latest.paper}/{board.name_of(front.method.latest)}"),)
    nothing = front.nothing
    if nothing is None or nothing.gap:
        return method
    if front.ours.n < MIN_SEEDS:
        return joined(method, f": {MIN_SEEDS} seeds tell whether it is ahead of ", nothing.name)
    return joined(nothing.start, ": the method is not clearly ahead of it")


def _cells(board: Board, front: Front | None) -> tuple[Text, ...]:
    if front is None:
        return ("-",) * (len(HEADER) - 3)
    section = front.section
    ours = [sample_text(front.ours), f"({seeds_text(front.ours.n)})", front.method.stale]
    less = ", less is better" if section.lower else ""
    return (
        (Verbatim(section.setting), f", {short_metric(section.metric or '')}{less}"),
        " ".join(part for part in ours if part),
        _values(front.rival),
        _values(front.nothing),
        ablation_text(front),
        start_text(board, front),
    )


def _values(candidate: Candidate | None) -> Text:
    if candidate is None:
        return "-"
    alone = f" ({seeds_text(1)})" if candidate.values.n == 1 else ""
    return joined(candidate.name, " ", sample_text(candidate.values), alone)
