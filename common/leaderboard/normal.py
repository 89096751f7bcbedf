"""What is normal while training: learning curves of the method's runs, at shares of a training."""

from collections.abc import Sequence

from common.leaderboard.aggregate import Group, sample_of
from common.leaderboard.board import Board
from common.leaderboard.curves import DIAGNOSTICS
from common.leaderboard.markdown import sample_text, seeds_text, shown, table
from common.leaderboard.record import Record

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
# A point farther from a share than half the way to the next one says nothing about it.
REACH = 0.125
INTRODUCTION = """\
What finished runs wrote on their way: mean ± spread over seeds at shares of the training, each
from the nearest point that was written (`-`: none near). The loss and `diag/` are of training
batches, `val/` of the hold-out. A run of yours far outside is worth a look before it ends.
"""


def render_normal(board: Board) -> list[str]:
    """Returns a table for each recipe whose method was trained with its curves stored."""
    lines: list[str] = []
    for group in board.groups:
        records = [record for record in group.records if record.curves]
        if group.latest.arm == "method" and records:
            lines += ["", *_section(group, records)]
    return [INTRODUCTION, *lines[1:]] if lines else ["No learning curves yet."]


def _section(group: Group, records: Sequence[Record]) -> list[str]:
    latest = group.latest
    batches = sorted({record.batches for record in records})
    length = " to ".join(f"{number:,}" for number in dict.fromkeys((batches[0], batches[-1])))
    facts = f"{length} batches of {latest.global_batch:,}, {seeds_text(len(records))}"
    stale = f"; stale ({group.stale})" if group.stale else ""
    header = ("metric", *(f"{share:.0%}".replace("%", " %") for share in SHARES))
    rows = [(key, *_cells(records, key)) for key in _keys(records)]
    title = f"### `{latest.reference}` on {latest.data}"
    return [title, "", f"{facts}{stale}.", "", *table(header, rows)]


def _keys(records: Sequence[Record]) -> list[str]:
    """Returns the loss first, then what validation and the diagnostics show."""
    found = {key for record in records for key in record.curves}
    diagnostics = sorted(key for key in found if key.startswith(DIAGNOSTICS))
    loss = [key for key in ("train/loss",) if key in found]
    measured = found - set(diagnostics) - set(loss)
    return [*loss, *(shown(measured) if measured else []), *diagnostics]


def _cells(records: Sequence[Record], key: str) -> list[str]:
    cells = []
    for share in SHARES:
        values = [{key: value_at(record, key, share)} for record in records]
        cells.append(sample_text(sample_of(values, key)))
    return cells


def value_at(record: Record, key: str, share: float) -> float | None:
    """Returns the value of ``key`` written nearest to ``share`` of the training.

    None if none was written within `REACH` of it.
    """
    points = record.curves.get(key)
    if not points or not record.batches:
        return None
    batch, value = min(points, key=lambda point: abs(point[0] - share * record.batches))
    return value if abs(batch / record.batches - share) <= REACH else None


def last_values(record: Record) -> dict[str, float]:
    """Returns the last value of each diagnostic that the record keeps."""
    curves = record.curves.items()
    return {key: points[-1][1] for key, points in curves if key.startswith(DIAGNOSTICS) and points}
