"""LEADERBOARD.md: a row a paper, with what decides whether to read on, and how to read it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median

from common.results.groups import Group
from common.results.leaderboard import Leaderboard
from common.results.ledger import STANDINGS
from common.results.pages.by_modality import BY_MODALITY, where_to_start
from common.results.pages.document import (
    Block,
    Heading,
    Link,
    Paragraph,
    Span,
    Table,
    Text,
    Verbatim,
    joined,
    marked,
)
from common.results.pages.formatting import (
    decimals_of,
    difference_text,
    sample_text,
    seeds_text,
    short_metric,
)
from common.results.pages.sections import LEARNING_REFERENCES, Section, sections_of
from common.results.reported import OFFICIAL
from common.results.statistics import MIN_SEEDS, Sample, excludes_zero

HEADER = (
    *("paper", "reported numbers", "claims", "compared by", "ours", "best rival", "no learning"),
    *("ablation that matters", "start from"),
)
# As many columns fit on a page with other things.
SMALL = 7
STATUSES = {
    "reproduced": f"there are at least {MIN_SEEDS} seeds on the same data and protocol, the 95 % "
    "interval of (ours - reported) lies within ± the margin, which was chosen before the run, and "
    "the 95 % interval of the paired difference to an untrained encoder excludes 0",
    "agrees, not telling": "the interval lies within the margin, but the difference to an "
    "untrained encoder does not exclude 0",
    "agrees, control not run": "the interval lies within the margin, but no untrained encoder was "
    "measured beside the method",
    "exact": "the authors' published weights, loaded into our module, round to the printed number",
    "above": "the whole interval lies above the margin (published weights: the number is higher)",
    "below": "the whole interval lies below the margin (published weights: the number is lower)",
    "inconclusive": f"there are fewer than {MIN_SEEDS} seeds, or the interval lies on both sides "
    "of the margin's edge",
    "not run": "nobody has run the setting here",
    "scaled": "an arm or a setting to which no reported number applies",
}
VERDICTS = {
    "no difference": f"both arms share at least {MIN_SEEDS} seeds, and the 95 % interval of their "
    "paired difference lies within ± the smallest difference that matters",
    "holds": "otherwise, the interval lies above 0: the arm that the paper says is ahead is ahead",
    "opposite": "otherwise, the interval lies below 0",
    "undecided": "the interval contains 0, or there are fewer seeds",
    "not tested here": "the data or the compute is missing, as the paper's page says",
    "not run": "no seed has a record of both arms",
    "seen before": "a record is older than the claim as it was written down here, and fewer than "
    "three pairs of records are newer, so whoever chose the smallest difference that matters may "
    "have known the outcome",
}
INTRODUCTION = """\
`papers leaderboard` generates this page and the page behind each paper's name. Our numbers come
from the run records in `results/`. Reported numbers, claims and notes come from
`papers/*/reported.yaml` and `papers/*/claims.yaml`. `papers leaderboard --check` fails when a page
does not agree with these files."""
LEGEND = """\
*Where to start* compares arms of all papers that were trained on equally many samples of one data
set and measured alike. *Clearly* means at least three seeds and a 95 % interval of the difference
that excludes 0.

Each comparison has a 95 % interval of its own, which is not corrected for how many there are: of
some hundred claims and three hundred arms a few verdicts are wrong by chance. An interval covers
training seeds on one test set, and not what another test set would give. Arms that share a seed
share the order of the data and, where the networks are equal, the initial weights. Three seeds
cannot show whether differences are normal, as the interval takes for granted.

*Ours* is mean ± sample standard deviation over training seeds; the latest run of each seed counts.
*Compared by* names the setting and the metric of the paper's first claim that has been run here, or
else the setting with most arms. All arms in it were measured alike. *Best rival* is the best of the
baselines that see no more labels than the method does. *No learning* is the best of an untrained
encoder, the inputs themselves and counts. *Median gap* is how far the compared numbers are from the
reported ones, in per cent of these. *Ablation that matters* has the largest paired difference to
the method among those that exclude 0 (95 %); the brackets give the half-width of its interval.
*Start from* names the best of what is ahead of the method by a difference that excludes 0. If
nothing is, it names the method, or what learns nothing where their difference does not exclude 0.

A paper's page has every claim, every reported number and every arm, and what is normal while
training. `papers leaderboard --html DIR` adds all metrics, all diagnostics and the links to runs. A
run's record holds its configuration, versions, hardware and time. The number of seeds that would
tell assumes that mean and spread stay the same and that the reported number gets no more runs. More
seeds alone would not tell where our mean lies on the edge of the margin, or where the reported
number has a wide spread of its own. For
errors (mse, mae, rmse and the like) less is better, so that `above` is worse. A reference marked
*unverified* has not been checked against its source. `docs/reported.md`, `docs/claims.md` and
`results/README.md` describe the files."""


def leaderboard_page(board: Leaderboard, link: Callable[[str], str]) -> Iterator[Block]:
    """Yields what LEADERBOARD.md holds; ``link`` gives where a paper's name leads to."""
    yield Heading(1, "Leaderboard")
    yield Paragraph(marked(INTRODUCTION))
    yield from where_to_start(board, BY_MODALITY)
    yield Heading(2, "Papers")
    yield papers_table(board, link)
    yield from how_to_read()


def how_to_read() -> Iterator[Block]:
    """Yields what the words of the tables mean."""
    yield Heading(2, "How to read it")
    for paragraph in LEGEND.split("\n\n"):
        yield Paragraph(marked(paragraph))
    yield Table(("a reported number is", "when"), _meanings(STATUSES))
    yield Table(("a claim", "when"), _meanings(VERDICTS))
    yield Table(("a row or claim that may not hold now", "why"), _meanings(STANDINGS))


def _meanings(words: dict[str, str]) -> list[tuple[tuple[Span, ...], tuple[Span, ...]]]:
    return [((Verbatim(word),), marked(meaning)) for word, meaning in words.items()]


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
class PaperRow:
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


def row_of(board: Leaderboard, paper: str) -> PaperRow | None:
    """Returns what stands beside the method in the setting of the first claim that has been run.

    Of a setting's sections, that with the arms which a claim names comes first. Where no claim has
    been run: the setting with most arms. None without claims or runs.
    """
    sections = [one for one in sections_of(board, paper) if one.lower is not None]
    rows = [row for one in sections if (row := _row(board, one))]
    named: dict[str, set[str | None]] = {}
    for claim in board.claims_of(paper).claims:
        if claim.comparison:
            arms = (claim.variants or {}).values()
            named.setdefault(claim.comparison.setting, set()).update(*arms)

    def rank(row: PaperRow) -> tuple[int, bool, bool, bool, int]:
        section = row.section
        place = [*named, section.setting].index(section.setting)
        beside = row.method.latest.variant not in named.get(section.setting, ())
        quick = section.groups[0].latest.recipe == "quick"
        return place, beside, quick, bool(row.method.stale), -len(section.groups)

    return min(rows, key=rank, default=None)


def _row(board: Leaderboard, section: Section) -> PaperRow | None:
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
    return PaperRow(
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


def _candidate(board: Leaderboard, section: Section, group: Group, values: Sample) -> Candidate:
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


def papers_table(
    board: Leaderboard, link: Callable[[str], str], columns: int = len(HEADER)
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
            *_cells(board, row_of(board, paper)),
        )[:columns]
        for paper in board.papers()
    ]
    return Table(HEADER[:columns], rows) if rows else Paragraph("No runs yet.")


def reported_text(board: Leaderboard, paper: str) -> str:
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


def _claims(board: Leaderboard, paper: str) -> str:
    found = board.decisions(paper)
    text = _counted([], Counter(one.kind for one in found)) or "none written down"
    seen = sum(one.seen_before for one in found)
    return f"{text} ({seen} of {len(found)} seen before)" if seen else text


def _counted(first: list[str], kinds: Counter[str]) -> str:
    return "; ".join([*first, *(f"{count} {kind}" for kind, count in kinds.most_common() if count)])


def ablation_text(row: PaperRow) -> Text:
    """Returns the ablation that changes most, and whether it is better or worse than the method."""
    ablation = row.ablation
    if ablation is None or ablation.differences is None:
        return "no difference excludes 0"
    gap, places = ablation.differences, decimals_of(row.ours.mean)
    worse = (gap.mean > 0) == bool(row.section.lower)
    size = difference_text(replace(gap, mean=abs(gap.mean)), places).removeprefix("+")
    word = "worse" if worse else "better: the method's own part does not help here"
    return joined(ablation.name, f" is {size} {word}")


def start_text(board: Leaderboard, row: PaperRow) -> Text:
    """Returns what to start from, with what is as good and learns nothing."""
    if row.best:
        return row.best.start
    method = (Verbatim(f"{row.method.latest.paper}/{board.name_of(row.method.latest)}"),)
    nothing = row.nothing
    if nothing is None or nothing.gap:
        return method
    if row.ours.n < MIN_SEEDS:
        return joined(method, f": {MIN_SEEDS} seeds tell whether it is ahead of ", nothing.name)
    return joined(nothing.start, ": the method is not clearly ahead of it")


def _cells(board: Leaderboard, row: PaperRow | None) -> tuple[Text, ...]:
    if row is None:
        return ("-",) * (len(HEADER) - 3)
    section = row.section
    ours = [sample_text(row.ours), f"({seeds_text(row.ours.n)})", row.method.stale]
    less = ", less is better" if section.lower else ""
    return (
        (Verbatim(section.setting), f", {short_metric(section.metric or '')}{less}"),
        " ".join(part for part in ours if part),
        _values(row.rival),
        _values(row.nothing),
        ablation_text(row),
        start_text(board, row),
    )


def _values(candidate: Candidate | None) -> Text:
    if candidate is None:
        return "-"
    alone = f" ({seeds_text(1)})" if candidate.values.n == 1 else ""
    return joined(candidate.name, " ", sample_text(candidate.values), alone)
