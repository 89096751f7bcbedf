"""The part of the leaderboard beside reported numbers: a table a setting, sources, checks."""

from collections.abc import Iterator

from common.results.leaderboard import Leaderboard, ReportedRow, control_of
from common.results.pages.document import (
    Block,
    Emphasis,
    Fold,
    Items,
    Paragraph,
    Span,
    Table,
    Text,
    Verbatim,
    joined,
    marked,
)
from common.results.pages.formatting import (
    commits,
    decimals_of,
    number,
    run_links,
    sample_text,
    seeds_text,
    short_metric,
    status_text,
)
from common.results.reported import OFFICIAL, PAPER, Entry

HEADER = ("metric", "reference", "from", "ours", "gap", "status")
WAITING_HEADER = ("setting", "from", "reported")


def beside_reported(board: Leaderboard, paper: str, links: bool) -> Iterator[Block]:
    """Yields the reported numbers of ``paper`` beside ours, those not run yet folded away.

    With ``links`` each setting names its runs and their commits.
    """
    rows = [row for row in board.rows if row.entry.paper == paper]
    sources: list[Text] = list(dict.fromkeys(_source(row.entry) for row in rows))
    run = [row for row in rows if row.ours]
    yield from _settings(run, sources, links)
    if not run:
        none = "No run of a reported setting yet." if rows else "No number is known."
        yield Paragraph(none)
    yield from _waiting([row for row in rows if row.ours is None], sources)
    if sources:
        yield Paragraph("Sources:")
        yield Items(sources, numbered=True)
    yield from _checks(rows, sources)


def _settings(rows: list[ReportedRow], sources: list[Text], links: bool) -> Iterator[Block]:
    """Yields a table for each setting below a line with its runs, which all its rows share."""
    settings: dict[tuple[Text, int], list[ReportedRow]] = {}
    for row in rows:
        settings.setdefault((setting_text(row.entry), id(row.group)), []).append(row)
    for (name, _), members in settings.items():
        group = members[0].group
        assert group is not None  # these rows have numbers of ours
        runs = runs_text(members[0].entry.weights, len(group.records))
        facts = joined(name, f": {runs}")
        if links:
            facts = joined(facts, " ", run_links(group), ", commit ", commits(group))
        yield Paragraph(facts)
        cells = [(short_metric(row.metric), *_cells(row, sources)) for row in members]
        yield Table(HEADER, cells)


def _cells(row: ReportedRow, sources: list[Text]) -> tuple[Text, ...]:
    ours = sample_text(row.ours, decimals_of_row(row))
    status = "; ".join([status_text(row.verdict, row.stale), *_of_margin(row)])
    return reference_text(row), _from(row.entry, sources), ours, gap_text(row), status


def _of_margin(row: ReportedRow) -> Iterator[str]:
    """Yields what makes the margin a weak yardstick."""
    if row.entry.weights == "published" or row.ours is None or row.group is None:
        return
    control, margin = control_of(row.group, row.metric), row.reference.margin
    if control is not None and margin >= abs(control.better.mean):
        yield "the margin exceeds the effect of training"
    if row.ours.spread is not None and margin < row.ours.spread:
        yield "the margin is below the spread of single runs"


def _waiting(rows: list[ReportedRow], sources: list[Text]) -> Iterator[Block]:
    """Yields a fold with a line for each setting and source that has not been run."""
    if not rows:
        return
    numbers: dict[tuple[Text, Text], list[str]] = {}
    for row in rows:
        key = (setting_text(row.entry), _from(row.entry, sources))
        numbers.setdefault(key, []).append(f"{short_metric(row.metric)} {reference_text(row)}")
    count = f"{len(rows)} reported number{'' if len(rows) == 1 else 's'} not run yet"
    cells = [(*key, "; ".join(values)) for key, values in numbers.items()]
    yield Fold(count, [Table(WAITING_HEADER, cells)])


def _checks(rows: list[ReportedRow], sources: list[Text]) -> Iterator[Block]:
    """Yields what was checked of the rows that miss, one item a text with its metrics."""
    missed: dict[tuple[Text, Text, str], list[str]] = {}
    for row in rows:
        if row.misses and row.metric in row.entry.checks:
            text = " ".join(row.entry.checks[row.metric].split())
            key = (setting_text(row.entry), _from(row.entry, sources), text)
            missed.setdefault(key, []).append(short_metric(row.metric))
    if missed:
        yield Paragraph("Checked where ours is above, below or off by more than the margin:")
        yield Items(
            [
                joined(name, ", ", origin, f", {', '.join(dict.fromkeys(metrics))}: ", marked(text))
                for (name, origin, text), metrics in missed.items()
            ]
        )


def _from(entry: Entry, sources: list[Text]) -> tuple[Span, ...]:
    return joined(mark_unverified(entry.origin, entry), f" [{sources.index(_source(entry)) + 1}]")


def _source(entry: Entry) -> tuple[Span, ...]:
    """Returns all that is known of where the entry's numbers come from, and their protocol."""
    origin = f"paper, {entry.table}" if entry.origin == PAPER else entry.origin
    text = joined(mark_unverified(origin, entry), f"; protocol {entry.protocol}")
    if entry.source:
        commit: tuple[Span, ...] = (" at ", Verbatim(str(entry.commit))) if entry.commit else ()
        text = joined(text, "; ", marked(entry.source), commit)
    if entry.origin == OFFICIAL:
        text = joined(text, "; ", (Verbatim(str(entry.command)),))
    return joined(text, "; ", marked(entry.note)) if entry.note else text


def setting_text(entry: Entry) -> tuple[Span, ...]:
    """Returns ``recipe:variant``, the arm unless it is the method, and the kind of weights."""
    arm = "" if entry.arm == "method" else f" {entry.arm}"
    weights = " (published weights)" if entry.weights == "published" else ""
    return Verbatim(entry.reference), f"{arm}{weights} on {entry.data}"


def decimals_of_row(row: ReportedRow) -> int:
    """Returns the decimals of the row's numbers: as many for ours as for the reference."""
    return decimals_of(row.reference.value, row.reference.margin)


def reference_text(row: ReportedRow) -> str:
    """Returns the reported number with its spread and runs."""
    return number_text(row) + reported_runs(row)


def reported_runs(row: ReportedRow) -> str:
    """Returns in brackets how many runs the reported number is the mean of, if of several."""
    runs = row.reference.n or 1
    return f" ({runs} runs)" if runs > 1 else ""


def number_text(row: ReportedRow) -> str:
    """Returns the reported number with its spread."""
    reference, places = row.reference, decimals_of_row(row)
    text = number(reference.value, places)
    if reference.spread is not None:
        text += f" ± {number(reference.spread, places)}"
    return text


def mark_unverified(text: str, entry: Entry) -> Text:
    """Returns ``text`` on the entry's origin, marked if nobody checked the number against it."""
    return text if entry.verified else (f"{text}, ", Emphasis("unverified"))


def runs_text(weights: str, count: int) -> str:
    """Returns the number of seeds, or that the weights are the authors'."""
    return "authors' weights" if weights == "published" else seeds_text(count)


def gap_text(row: ReportedRow) -> str:
    """Returns ours - reference and the half-width of its interval."""
    if row.verdict.gap is None:
        return "-"
    places = decimals_of_row(row)
    text = number(row.verdict.gap, places, sign=True)
    width = row.verdict.half_width
    return text if width is None else f"{text} (± {number(width, places)})"
