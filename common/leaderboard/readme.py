"""The small leaderboard in README.md: one line a setting that has been run."""

from common.errors import LikewiseError
from common.leaderboard.aggregate import Group, Row, uncompared_groups
from common.leaderboard.arms import references_of
from common.leaderboard.board import Board
from common.leaderboard.markdown import sample_text, seeds_text, shown, table
from common.leaderboard.render import origin_text, ours_text, reference_text, short_metric
from common.paper import get_paper

START = "<!-- leaderboard:start -->"
END = "<!-- leaderboard:end -->"
HEADER = ("paper and recipe", "data", "metric", "reference", "ours", "status")


def render_small(board: Board) -> str:
    """Returns the table: every setting's first metric, beside the reported or untrained one."""
    rows = [_compared(row) for row in headlines(board)]
    for group in uncompared_groups(list(board.entries), list(board.groups)):
        # A run on pictures without labels has no metric to show.
        shows = group.latest.arm == "method" and not group.scaled_by_hand and group.latest.metrics
        rows += [_scaled(group)] if shows else []
    if not rows:
        return "No runs yet."
    return "\n".join(table(HEADER, rows))


def headlines(board: Board) -> list[Row]:
    """Returns the first metric of each entry that has been run and has a number."""
    found = []
    for row in board.rows:
        first = next(iter(row.entry.metrics))
        if row.metric == first and row.ours and row.entry.metrics[first].value is not None:
            found.append(row)
    return found


def _compared(row: Row) -> tuple[str, ...]:
    return (
        f"`{row.entry.reference}`",
        row.entry.data,
        short_metric(row.metric),
        f"{reference_text(row)}, {origin_text(row.entry)}",
        ours_text(row),
        row.status,
    )


def _scaled(group: Group) -> tuple[str, ...]:
    record = group.latest
    metric = _telling(record.paper, shown(record.metrics))
    untrained = references_of([group]).get("untrained", {}).get(metric)
    return (
        f"`{record.reference}`",
        record.data,
        short_metric(metric),
        f"{sample_text(untrained)}, untrained encoder" if untrained else "-",
        f"{sample_text(group.sample(metric))} ({seeds_text(len(group.records))})",
        "stale (scaled)" if group.stale else "scaled",
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
