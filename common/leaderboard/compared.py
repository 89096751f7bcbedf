"""The part of the leaderboard beside reported numbers: a table a setting, sources, checks."""

from collections.abc import Iterable

from common.leaderboard.board import Board, Row
from common.leaderboard.markdown import (
    commits,
    decimals_of,
    number,
    run_links,
    sample_text,
    seeds_text,
    table,
)
from common.leaderboard.reported import OFFICIAL, PAPER, Entry

HEADER = ("metric", "reference", "from", "ours", "gap", "status")
WAITING_HEADER = ("setting", "from", "reported")


def render_compared(board: Board, paper: str) -> list[str]:
    """Returns the reported numbers of ``paper`` beside ours, those not run yet folded away."""
    rows = [row for row in board.rows if row.entry.paper == paper]
    sources = list(dict.fromkeys(_source(row.entry) for row in rows))
    lines = _settings([row for row in rows if row.ours], sources)
    lines = lines or ["No run of a reported setting yet."]
    lines += _waiting([row for row in rows if row.ours is None], sources)
    if sources:
        lines += ["", "From:", "", *(f"{i}. {text}" for i, text in enumerate(sources, 1))]
    return lines + _checks(rows, sources)


def _settings(rows: list[Row], sources: list[str]) -> list[str]:
    """Returns a table for each setting below a line with its runs, which all its rows share."""
    settings: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        settings.setdefault((setting_text(row.entry), id(row.group)), []).append(row)
    lines: list[str] = []
    for (name, _), members in settings.items():
        group = members[0].group
        assert group is not None  # these rows have numbers of ours
        runs = runs_text(members[0].entry.weights, len(group.records))
        facts = f"{runs} {run_links(group)}, commit {commits(group)}"
        cells = ((short_metric(row.metric), *_cells(row, sources)) for row in members)
        lines += ["", f"{name}: {facts}", "", *table(HEADER, cells)]
    return lines[1:]


def _cells(row: Row, sources: list[str]) -> tuple[str, ...]:
    ours = sample_text(row.ours, places_of(row))
    return reference_text(row), _from(row.entry, sources), ours, gap_text(row), row.status


def _waiting(rows: list[Row], sources: list[str]) -> list[str]:
    """Returns a fold with a line for each setting and source that has not been run."""
    if not rows:
        return []
    numbers: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        key = (setting_text(row.entry), _from(row.entry, sources))
        numbers.setdefault(key, []).append(f"{short_metric(row.metric)} {reference_text(row)}")
    count = f"{len(rows)} reported number{'' if len(rows) == 1 else 's'} not run yet"
    cells = ((*key, "; ".join(values)) for key, values in numbers.items())
    fold = [f"<details><summary>{count}</summary>", "", *table(WAITING_HEADER, cells)]
    return ["", *fold, "", "</details>"]


def _checks(rows: list[Row], sources: list[str]) -> list[str]:
    """Returns what was checked of the rows that miss, one item a text with its metrics."""
    missed: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if misses(row) and row.metric in row.entry.checks:
            text = " ".join(row.entry.checks[row.metric].split())
            key = (setting_text(row.entry), _from(row.entry, sources), text)
            missed.setdefault(key, []).append(short_metric(row.metric))
    items = [
        f"- {name}, {origin}, {', '.join(dict.fromkeys(metrics))}: {text}"
        for (name, origin, text), metrics in missed.items()
    ]
    title = "Checked where ours is above, below or off by more than the margin:"
    return ["", title, "", *items] if items else []


def misses(row: Row) -> bool:
    """Tells whether ours is above, below, or its mean, of however many seeds, off by the margin.

    An inconclusive row may be: within its interval, or with too few seeds to have one.
    """
    if row.verdict.status != "inconclusive":
        return row.verdict.status in ("above", "below")
    margin, gap = row.reference.margin, row.verdict.gap
    return gap is not None and margin is not None and abs(gap) > margin


def unexplained(rows: Iterable[Row]) -> list[str]:
    """Returns the settings with the metrics that miss and of which no check is told."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if misses(row) and row.metric not in row.entry.checks:
            name = f"{row.entry.reference} ({row.entry.arm}), {row.entry.origin}"
            found.setdefault(name, []).append(f"{short_metric(row.metric)} {row.verdict.status}")
    return [f"{name}: {', '.join(metrics)}" for name, metrics in found.items()]


def _from(entry: Entry, sources: list[str]) -> str:
    return f"{mark_unverified(entry.origin, entry)} [{sources.index(_source(entry)) + 1}]"


def _source(entry: Entry) -> str:
    """Returns all that is known of where the entry's numbers come from, and their protocol."""
    parts = [origin_text(entry), f"protocol {entry.protocol}"]
    if entry.source:
        parts.append(entry.source + (f" at `{entry.commit}`" if entry.commit else ""))
    if entry.origin == OFFICIAL:
        parts.append(f"`{entry.command}`")
    return "; ".join([*parts, *([entry.note] if entry.note else [])])


def setting_text(entry: Entry) -> str:
    """Returns ``recipe:variant``, the arm unless it is the method, and the kind of weights."""
    arm = "" if entry.arm == "method" else f" {entry.arm}"
    weights = " (published weights)" if entry.weights == "published" else ""
    return f"`{entry.reference}`{arm}{weights} on {entry.data}"


def short_metric(metric: str) -> str:
    """Returns the metric without ``test/``."""
    return metric.removeprefix("test/")


def places_of(row: Row) -> int:
    """Returns the decimals of the row's numbers: as many for ours as for the reference."""
    reference = row.reference
    ours = row.ours.mean if row.ours else 0.0
    return decimals_of(ours if reference.value is None else reference.value, reference.margin)


def reference_text(row: Row) -> str:
    """Returns the reported number with its spread and runs, or that it could not be read."""
    return number_text(row) + reported_runs(row)


def reported_runs(row: Row) -> str:
    """Returns in brackets how many runs the reported number is the mean of, if of several."""
    reference = row.reference
    several = reference.value is not None and (reference.n or 1) > 1
    return f" ({reference.n} runs)" if several else ""


def number_text(row: Row) -> str:
    """Returns the reported number with its spread, or that it could not be read."""
    reference = row.reference
    if reference.value is None:
        return "not available"
    places = places_of(row)
    text = number(reference.value, places)
    if reference.spread is not None:
        text += f" ± {number(reference.spread, places)}"
    return text


def origin_text(entry: Entry) -> str:
    """Returns where the number comes from, and whether that was checked."""
    text = f"paper, {entry.table}" if entry.origin == PAPER else entry.origin
    return mark_unverified(text, entry)


def mark_unverified(text: str, entry: Entry) -> str:
    """Returns ``text`` on the entry's origin, marked if nobody checked the number against it."""
    return text if entry.verified else f"{text}, *unverified*"


def ours_text(row: Row) -> str:
    """Returns mean, spread and number of seeds, or ``-``."""
    if row.ours is None:
        return "-"
    return f"{sample_text(row.ours, places_of(row))} ({runs_text(row.entry.weights, row.ours.n)})"


def runs_text(weights: str, count: int) -> str:
    """Returns of how many seeds ours is, or that it is of the authors' weights."""
    return "authors' weights" if weights == "published" else seeds_text(count)


def gap_text(row: Row) -> str:
    """Returns ours - reference and the half-width of its interval."""
    if row.verdict.gap is None:
        return "-"
    places = places_of(row)
    text = number(row.verdict.gap, places, sign=True)
    width = row.verdict.half_width
    return text if width is None else f"{text} (± {number(width, places)})"
