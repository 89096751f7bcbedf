"""LEADERBOARD.md: a row a paper, with what decides whether to read on, and how to read it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

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
    fine_places,
    seeds_text,
    short_metric,
    verdict_text,
)
from common.results.pages.sections import LEARNING_REFERENCES, Section, sections_of
from common.results.reported import OFFICIAL
from common.results.statistics import MIN_SEEDS, Sample, excludes_zero
from common.results.verdicts import SMALL, Decision

HEADER = (
    *("paper", "start from", "headline claim", "tried on", "seeds", "ahead by", "verdict"),
    *("strongest rival", "learns nothing"),
)
STATUSES = {
    "reproduced": f"over at least {MIN_SEEDS} seeds on the same data by the same protocol, the "
    "95 % interval of (ours - reported) lies within ± the margin; training is better than no "
    "training (95 %, paired); and the untrained encoder's mean lies outside of the margin",
    "agrees, not telling": "the interval lies within the margin, but training is not better than "
    "no training, or the untrained encoder lies within the margin too",
    "agrees, control not run": "the interval lies within the margin, but no untrained encoder was "
    "measured beside the method",
    "exact": "the authors' published weights, loaded into our module, round to the printed number",
    "above": "the whole interval lies above the margin (published weights: the number is higher)",
    "below": "the whole interval lies below the margin (published weights: the number is lower)",
    "inconclusive": f"there are fewer than {MIN_SEEDS} seeds, or the interval lies on both sides "
    "of the margin's edge",
    "not run": "nobody has run the setting here",
    "the margin exceeds the effect of training": "a note: the trained encoder differs from the "
    "untrained one by less than the margin, so that agreement says little",
    "the margin is below the spread of single runs": "a note: one run alone could miss by chance",
}
VERDICTS = {
    "holds": "the 95 % interval of the paired difference lies above 0, and not all of it is "
    "smaller than what matters",
    "opposite": "the same, below 0",
    "perhaps by less than what matters": "a note on these two: the interval reaches below the "
    "smallest difference that matters",
    "no difference": "the interval contains 0 and lies within ± the smallest difference that "
    "matters",
    SMALL: "the interval excludes 0, and all of it is smaller than what matters",
    "undecided": f"the interval is too wide, or there are fewer than {MIN_SEEDS} shared seeds; the "
    "page says how many would tell if mean and spread stayed the same",
    "not run": "no seed has a record of both arms",
    "not tested here": "the data or the compute is missing",
    "fragile": "of so many claims one may look so by chance: a correction for their number "
    "(Benjamini and Hochberg, 5 %) would not keep the verdict",
    "seen before": "fewer than three pairs of runs are newer than the claim as it is written here",
    "known from": "the claim is no blind prediction: its author had seen this of the outcome; the "
    "runs that decide it are newer",
}
INTRODUCTION = """\
`papers leaderboard` makes this page from the run records in `results/`, and from the reported
numbers and claims in `papers/*/`. Each paper's name leads to its page."""
LEGEND = """\
*Where to start* takes the longest budget that two papers share on a set, or two arms where one
paper is alone. What trains *on your own data* is fitted to your files: the score is not of it. The
*headline* is the paper's first claim on real data that has been run here, or on generated data if
there is none. *Ahead by* is the mean of the paired differences over seeds, in the metric's own
unit, with the half-width of its 95 % interval in brackets. It is positive where the paper is right,
also where less of the metric is better. The *strongest rival* is the best arm that a user could
take in the method's place with the same labels, of those that share seeds with it, and *learns
nothing* the best of an untrained encoder, raw inputs and counts; the numbers beside them say by how
much the method is ahead. *Start from* names what is clearly ahead of the method, else the method:
`papers train NAME` repeats it.

*Real* data were recorded by others; *generated* data were drawn or composed by this project, and
what holds there need not hold elsewhere. An interval covers seeds of the training on one test set.
It takes for granted that differences are normal, which three seeds cannot show.

For errors (mse, mae, rmse) less is better, so that `above` is worse. `docs/reported.md`,
`docs/claims.md` and `results/README.md` describe the files, and `papers leaderboard --html DIR`
writes every metric and every run."""


def leaderboard_page(board: Leaderboard, link: Callable[[str], str]) -> Iterator[Block]:
    """Yields what LEADERBOARD.md holds; ``link`` gives where a paper's name leads to."""
    yield Heading(1, "Leaderboard")
    yield Paragraph(marked(INTRODUCTION))
    yield from where_to_start(board, BY_MODALITY)
    yield Heading(2, "Papers")
    yield papers_table(board, link)
    yield from totals(board)
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
    is_rival: bool = False

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
    """Returns what stands beside the method in the setting of the headline claim.

    Of a setting's sections, that with the arms which a claim names comes first. Where no claim has
    been run: the setting with most arms. None without claims or runs.
    """
    sections = [one for one in sections_of(board, paper) if one.lower is not None]
    rows = [row for one in sections if (row := _row(board, one))]
    named: dict[str, set[str | None]] = {}
    headline = board.headline(paper)
    first = [headline.claim] if headline else []
    for claim in [*first, *board.claims_of(paper).claims]:
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
    if method is None or ours is None or method is not section.groups[0]:
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
        Candidate(name, name, name, *samples) for name, samples in section.references().items()
    ]
    rivals = [one for one in arms if one.is_rival]
    learned = [one for one in references if one.kind in LEARNING_REFERENCES]
    ablations = [one for one in arms if one.kind == "ablation" and one.gap]
    sign = -1 if section.lower else 1
    return PaperRow(
        section,
        method,
        ours,
        _strongest(section, [*rivals, *learned]),
        _strongest(section, [one for one in references if one not in learned]),
        max(ablations, key=lambda one: abs(one.gap), default=None),
        _strongest(section, [one for one in [*rivals, *references] if sign * one.gap > 0]),
    )


def _candidate(board: Leaderboard, section: Section, group: Group, values: Sample) -> Candidate:
    record = group.latest
    stale = (
        f" ({group.stale})" if group.stale and section.method and not section.method.stale else ""
    )
    shown = board.name_of(record)
    name = joined((Verbatim(shown.partition(":")[2] or shown),), stale)
    start, kind = (Verbatim(f"{record.paper}/{shown}"),), record.arm.partition("/")[0]
    rivals = board.claims_of(record.paper).rivals or []
    named = {record.arm, f"{record.arm}:{record.variant}"} & {*rivals}
    is_rival = group is not section.method and (kind == "baseline" or bool(named))
    differences = section.difference(group) if is_rival else section.any_difference(group)
    return Candidate(kind, name, start, values, differences, is_rival)


def _strongest(section: Section, candidates: list[Candidate]) -> Candidate | None:
    """Returns the best of those that share seeds with the method, or else of all."""
    sign = -1 if section.lower else 1

    def rank(one: Candidate) -> tuple[bool, float]:
        return one.differences is not None, sign * one.values.mean

    return max(candidates, key=rank, default=None)


def papers_table(board: Leaderboard, link: Callable[[str], str]) -> Table | Paragraph:
    """Returns a line a paper, those whose headline was tried on real data first.

    Args:
        board: What to show.
        link: Gives where a paper's name leads to.
    """

    def rank(paper: str) -> tuple[bool, bool, str]:
        headline = board.headline(paper)
        return headline is None, headline is not None and board.is_generated(headline), paper

    rows = [
        ((Link(paper, link(paper)),), *_cells(board, paper))
        for paper in sorted(board.papers(), key=rank)
    ]
    return Table(HEADER, rows) if rows else Paragraph("No runs yet.")


def _cells(board: Leaderboard, paper: str) -> tuple[Text, ...]:
    row, headline = row_of(board, paper), board.headline(paper)
    start = start_text(board, row) if row else "-"
    beside = (_ahead_of(row, row.rival), _ahead_of(row, row.nothing)) if row else ("-", "-")
    if headline is None or headline.claim.comparison is None or headline.differences is None:
        return (start, "none has been run", "-", "-", "-", "-", *beside)
    comparison = headline.claim.comparison
    data = "real data"
    if board.is_generated(headline):
        needs = board.claims_of(paper).needs
        data = "generated data" + (f"; real data would be: {needs}" if needs else "")
    return (
        start,
        headline.claim.short,
        joined(
            (Verbatim(comparison.setting.partition("/")[2]),),
            f", {short_metric(comparison.metric)}, {data}",
        ),
        str(headline.differences.n),
        difference_text(headline.differences, fine_places(comparison.matters)),
        "; ".join(flags(headline)),
        *beside,
    )


def flags(decision: Decision) -> list[str]:
    """Returns the verdict of a claim and what its author knew."""
    found = [verdict_text(decision)]
    if decision.perhaps_small:
        found.append("perhaps by less than what matters")
    if decision.seen_before:
        found.append("seen before")
    elif decision.claim.known_from:
        found.append(f"known from {decision.claim.known_from}")
    return found


def _ahead_of(row: PaperRow, candidate: Candidate | None) -> Text:
    """Returns the candidate, and by how much the method is ahead of it."""
    if candidate is None:
        return "-"
    found = candidate.differences
    if found is not None and not row.section.lower:
        found = replace(found, mean=-found.mean)
    text = difference_text(found, decimals_of(row.ours.mean))
    few = f" ({seeds_text(found.n)})" if found and found.n < MIN_SEEDS else ""
    return joined(candidate.name, f" {text}{few}")


def totals(board: Leaderboard) -> Iterator[Block]:
    """Yields how many reported numbers and claims have each status, anchors left out."""
    rows = [row for row in board.rows if not row.entry.anchor]
    for official, name in (
        (False, "reported numbers"),
        (True, "numbers of official code, run here"),
    ):
        kinds = Counter(row.kind for row in rows if (row.entry.origin == OFFICIAL) is official)
        if kinds:
            yield Paragraph(f"Of {kinds.total()} {name}: {_listed(kinds)}.")
    waiting = Counter(row.entry.paper for row in rows if row.kind == "not run")
    if waiting:
        yield Paragraph(f"Nobody has run, by paper: {_named(waiting)}.")
    headlines = [one for paper in board.papers() if (one := board.headline(paper))]
    real = Counter(one.kind for one in headlines if not board.is_generated(one))
    if real:
        yield Paragraph(f"Of {real.total()} headlines tried on real data: {_listed(real)}.")
    claims = [one for paper in board.papers() for one in board.decisions(paper)]
    tried = [one for one in claims if one.differences is not None]
    for generated, name in ((False, "real"), (True, "generated")):
        found = [one for one in tried if board.is_generated(one) is generated]
        if found:
            kinds = Counter(one.kind for one in found)
            yield Paragraph(f"Of {len(found)} claims tried on {name} data: {_listed(kinds)}.")
    if rest := Counter(one.kind for one in claims if one.differences is None):
        yield Paragraph(f"Of the other claims: {_listed(rest)}.")


def _named(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def _listed(kinds: Counter[str]) -> str:
    return "; ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def reported_text(board: Leaderboard, paper: str) -> str:
    """Returns how many of the paper's reported numbers have each status."""
    rows = [row for row in board.rows if row.entry.paper == paper and not row.entry.anchor]
    if not rows:
        return "none known"
    official = all(row.entry.origin == OFFICIAL for row in rows)
    note = " (numbers of the official code, run here)" if official else ""
    return f"{len(rows)} in all: {_listed(Counter(row.kind for row in rows))}{note}"


def ablation_text(row: PaperRow) -> Text:
    """Returns the ablation that changes most, and whether it is better or worse than the method."""
    ablation = row.ablation
    if ablation is None or ablation.differences is None:
        arms = (group.latest.arm for group in row.section.groups)
        tried = any(arm.startswith("ablation/") for arm in arms)
        return "no difference excludes 0" if tried else "none has been run"
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
    return joined("nothing: ", nothing.name, ", which learns nothing, is not clearly behind")
