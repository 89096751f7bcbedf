"""Learning curves: what a record keeps of ``metrics.csv``, and what a page shows of them."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from common.errors import DataError
from common.results.groups import Group, sample_of
from common.results.leaderboard import Leaderboard
from common.results.pages.document import (
    Block,
    Heading,
    Paragraph,
    Table,
    Verbatim,
    marked,
)
from common.results.pages.formatting import (
    ends_text,
    first_of_each_kind,
    sample_text,
    seeds_text,
    shown_metrics,
)
from common.results.record import Record
from common.tracking.metrics_file import METRICS_NAME, Row, read_metrics

CURVE_POINTS = 40
# Whole keys, or prefixes that end in a slash.
LEARNING = ("train/loss", "val/")
DIAGNOSTICS = "diag/"
# A curve is to be looked at: float32 has seven digits, of which the last is noise.
DIGITS = 6
# The page shows the curves at these shares of a training.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
# A point farther from a share than half the way to the next one says nothing about it.
REACH = 0.125
INTRODUCTION = """\
The tables show finished runs of the method: mean ± spread over seeds at shares of the training,
each from the nearest logged point (`-`: no point is near). The loss and `diag/` are measured on
training batches, `val/` on the hold-out. Check a run of your own that is far outside before it
ends."""


def curves_of(rows: Iterable[Row], wanted: Sequence[str] = LEARNING) -> dict[str, dict[int, float]]:
    """Returns ``{key: {batch: value}}`` of the keys in ``wanted``.

    By default the loss and what was measured on validation.
    """
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        if any(row.key == key or (key[-1] == "/" and row.key.startswith(key)) for key in wanted):
            curves.setdefault(row.key, {})[row.batch] = row.value
    return curves


def thin(batches: Sequence[int], count: int) -> list[int]:
    """Returns at most ``count`` of ``batches``, evenly spread, the first and last among them."""
    if len(batches) <= count:
        return list(batches)
    step = (len(batches) - 1) / (count - 1)
    return [batches[round(index * step)] for index in range(count)]


def stored_curves(run_dir: Path) -> dict[str, list[list[float]]]:
    """Returns the curves of a run for its record: ``{key: [[batch, value], ...]}``, thinned.

    The loss, validation and diagnostics; values that are not finite are left out. Without
    ``metrics.csv`` (nothing was trained) there are none, and a damaged one costs them with a
    warning: it must not cost the record.
    """
    path = run_dir / METRICS_NAME
    if not path.is_file():
        return {}
    try:
        curves = curves_of(read_metrics(path), (*LEARNING, DIAGNOSTICS))
    except DataError as error:
        warnings.warn(f"the record has no learning curves: {error}", stacklevel=2)
        return {}
    kept = {key: _points(curve) for key, curve in sorted(curves.items())}
    return {key: points for key, points in kept.items() if points}


def _points(curve: Mapping[int, float]) -> list[list[float]]:
    finite = sorted(batch for batch, value in curve.items() if math.isfinite(value))
    kept = thin(finite, CURVE_POINTS)
    return [[batch, float(f"{curve[batch]:.{DIGITS}g}")] for batch in kept]


def curves_of_paper(board: Leaderboard, paper: str, every: bool) -> Iterator[Block]:
    """Yields a table for each recipe of ``paper`` whose method was trained with its curves.

    Without ``every`` it shows one diagnostic of those that differ in numbers.
    """
    found = False
    for group in board.groups:
        records = [record for record in group.records if record.curves]
        if (group.latest.paper, group.latest.arm) == (paper, "method") and records:
            if not found:
                yield Paragraph(marked(INTRODUCTION))
            found = True
            yield from _section(group, records, every)
    if not found:
        yield Paragraph("No learning curves yet.")


def _section(group: Group, records: Sequence[Record], every: bool) -> Iterator[Block]:
    latest = group.latest
    length = ends_text((record.batches for record in records), ",")
    facts = f"{length} batches of {latest.global_batch:,}, {seeds_text(len(records))}"
    stale = f"; {group.stale}" if group.stale else ""
    yield Heading(3, (Verbatim(latest.reference), f" on {latest.data}: {facts}{stale}"))
    header = ("metric", *(f"{share * 100:.0f} %" for share in SHARES))
    yield Table(header, [(key, *_cells(records, key)) for key in _keys(records, every)])


def _keys(records: Sequence[Record], every: bool) -> list[str]:
    """Returns the loss first, then what validation and the diagnostics show."""
    found = {key for record in records for key in record.curves}
    diagnostics = sorted(key for key in found if key.startswith(DIAGNOSTICS))
    loss = [key for key in ("train/loss",) if key in found]
    measured = found - set(diagnostics) - set(loss)
    if not every:
        diagnostics = first_of_each_kind(diagnostics, r"\d+")
    return [*loss, *(shown_metrics(measured) if measured else []), *diagnostics]


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
