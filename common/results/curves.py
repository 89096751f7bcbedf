"""Learning curves: what a record keeps of ``metrics.csv``."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from common.errors import DataError
from common.results.record import Record
from common.tracking.metrics_file import METRICS_NAME, MetricRow, read_metrics

CURVE_POINTS = 40
# Whole keys, or prefixes that end in a slash.
LEARNING = ("train/loss", "val/")
DIAGNOSTICS = "diag/"
# A curve is to be looked at: float32 has seven digits, of which the last is noise.
DIGITS = 6
# A point farther from a share than half the way to the next one says nothing about it.
REACH = 0.125


def is_wanted(key: str, wanted: Sequence[str]) -> bool:
    """Tells whether ``wanted`` has the whole ``key``, or a prefix of it that ends in a slash."""
    return any(key == one or (one[-1] == "/" and key.startswith(one)) for one in wanted)


def curves_of(
    rows: Iterable[MetricRow], wanted: Sequence[str] = LEARNING
) -> dict[str, dict[int, float]]:
    """Returns ``{key: {batch: value}}`` of the keys in ``wanted``.

    By default the loss and what was measured on validation.
    """
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        if is_wanted(row.key, wanted):
            curves.setdefault(row.key, {})[row.batch] = row.value
    return curves


def spread_evenly(batches: Sequence[int], count: int) -> list[int]:
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
    kept = spread_evenly(finite, CURVE_POINTS)
    return [[batch, float(f"{curve[batch]:.{DIGITS}g}")] for batch in kept]


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
