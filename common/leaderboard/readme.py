"""The small leaderboard in README.md: one line a paper, with its most telling number."""

from collections import Counter
from collections.abc import Iterable

from common.errors import LikewiseError
from common.leaderboard.arms import references_of
from common.leaderboard.board import Board, Group, Row
from common.leaderboard.compared import origin_text, ours_text, reference_text, short_metric
from common.leaderboard.markdown import sample_text, seeds_text, shown, table
from common.paper import get_paper

START = "<!-- leaderboard:start -->"
END = "<!-- leaderboard:end -->"
HEADER = ("recipe and metric", "reference", "ours", "status", "all its reported numbers")


def render_small(board: Board) -> str:
    """Returns the table: a line for each paper that has been run.

    A run beside a reported number goes before one that has none, and that before ``quick``.
    """
    scaled = [
        group
        for group in board.uncompared()
        # A run on pictures without labels has no metric to show.
        if group.latest.arm == "method" and not group.scaled_by_hand and group.latest.metrics
    ]
    lines = []
    for paper in board.papers():
        row = _headline(row for row in board.rows if row.entry.paper == paper)
        groups = [group for group in scaled if group.latest.paper == paper]
        if row is not None:
            lines.append((*_compared(row), _counts(board, paper)))
        elif groups:
            first = min(groups, key=lambda group: group.latest.recipe == "quick")
            lines.append((*_scaled(first), _counts(board, paper)))
    return "\n".join(table(HEADER, lines)) if lines else "No runs yet."


def _headline(rows: Iterable[Row]) -> Row | None:
    """Returns the most telling number of the first setting that has been run.

    The mean over horizons or cutoffs (``mse`` beside ``mse@24``) where there is one, else the
    first.
    """
    run = [row for row in rows if row.ours and row.reference.value is not None]
    first = [row for row in run if row.entry is run[0].entry]
    means = [row for row in first if any(f"{row.metric}@" in key for key in row.entry.metrics)]
    return next(iter(means or first), None)


def _counts(board: Board, paper: str) -> str:
    """Returns how many reported numbers of ``paper`` have which status."""
    rows = (row for row in board.rows if row.entry.paper == paper)
    count = Counter(row.status.split(" (")[0] for row in rows)
    return ", ".join(f"{number} {status}" for status, number in sorted(count.items())) or "none"


def _compared(row: Row) -> tuple[str, ...]:
    return (
        f"`{row.entry.reference}`, {short_metric(row.metric)}",
        f"{reference_text(row)}, {origin_text(row.entry)}",
        ours_text(row),
        row.status,
    )


def _scaled(group: Group) -> tuple[str, ...]:
    record = group.latest
    metric = _telling(record.paper, shown(record.metrics))
    untrained = references_of([group]).get("untrained", {}).get(metric)
    return (
        f"`{record.reference}`, {short_metric(metric)}",
        f"{sample_text(untrained)}, untrained encoder" if untrained else "-",
        f"{sample_text(group.sample(metric))} ({seeds_text(len(group.records))})",
        f"{group.stale} (scaled)" if group.stale else "scaled",
    )


def _telling(paper: str, metrics: list[str]) -> str:
    """Returns the paper's headline metric, else the last: of all labels, or the largest cut-off."""
    headline = get_paper(paper).headline_metric
    if headline in metrics:
        return headline
    return ([metric for metric in metrics if "@" not in metric] or metrics)[-1]


def insert_small(text: str, small: str, source: str) -> str:
    """Returns ``text`` with ``small`` between the markers.

    Raises:
        LikewiseError: If the markers are not there once each, in order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end or START in after or END in after:
        raise LikewiseError(f"{source}: needs the lines\n{START}\n{END}\nonce each, in this order")
    return f"{before}{START}\n\n{small}\n\n{END}{after}"
