"""Series that stand in for a real set: of its form, drawn from a seed."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.series.batches import SeriesBatch
from common.data.series.module import SeriesData
from common.data.series.sets import LabelledSeries, LongSeries
from common.data.synthetic import enlarged, fewer_of_each

# A long series: how much of a step stays in the next, and its season.
MEMORY, SEASON, SWING = 0.9, 24, 2.0
# Steps in a row that carry information, or do not.
STRETCH = 12
# Short series: cells in which a class has its pattern, and how much of a value that is.
CELLS, SHARE = 8, 0.3


def shape_of(data: SeriesData) -> dict[str, Any]:
    """Returns what `make` must know of a set; JSON can hold it."""
    found = data.read()
    if isinstance(found, LabelledSeries):
        return _shape_of_labelled(found)
    return {
        "kind": "long",
        "columns": list(found.columns),
        "parts": [list(bounds) for bounds in found.parts],
        "dates": None if found.dates is None else _shape_of_dates(found.dates),
        "informative": found.informative is not None,
        "clean": found.clean is not None,
    }


def _shape_of_dates(dates: Any) -> dict[str, Any]:
    apart = Counter(second - first for first, second in pairwise(dates)).most_common(1)[0][0]
    return {"first": dates[0].isoformat(), "minutes": apart / timedelta(minutes=1)}


def _shape_of_labelled(found: LabelledSeries) -> dict[str, Any]:
    num_classes, steps = len(found.class_names), found.x["train"].shape[1]
    lengths = torch.cat([(~x.isnan().all(2)).sum(1) for x in found.x.values()])
    return {
        "kind": "labelled",
        "steps": steps,
        "shortest": int(lengths.min()),
        "channels": found.x["train"].shape[2],
        "classes": {
            part: torch.bincount(y, minlength=num_classes).tolist() for part, y in found.y.items()
        },
    }


def inputs(batch: SeriesBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (batch.x,)


def make(
    shape: dict[str, Any], rows: int | None = None, seed: int = 0
) -> LongSeries | LabelledSeries:
    """Returns a float64 series, or short ones with their classes.

    Args:
        shape: What `shape_of` returned.
        rows: Training steps, or series of a part, at most; the rest in proportion. None: all.
        seed: Decides every draw.
    """
    generator = np.random.default_rng(seed)
    if shape["kind"] == "labelled":
        return _make_labelled(shape, rows, generator)
    return _make_long(shape, rows, generator)


def _make_long(
    shape: dict[str, Any], rows: int | None, generator: np.random.Generator
) -> LongSeries:
    own = shape["parts"][0][1] - shape["parts"][0][0]
    kept = own if rows is None else min(rows, own)
    parts = tuple((start * kept // own, end * kept // own) for start, end in shape["parts"])
    steps, columns = parts[-1][1], tuple(shape["columns"])
    values = _wander(steps, len(columns), generator)
    dates = informative = clean = None
    if shape["informative"]:
        stretches = generator.random(-(-steps // STRETCH)) < 0.5
        carries = np.repeat(stretches, STRETCH)[:steps]
        informative = torch.from_numpy(carries)
        clean = torch.from_numpy(values[:, 0].copy()) if shape["clean"] else None
        noise = SWING * (generator.random(values.shape) - 0.5)
        values = np.where(carries[:, None], values, values + noise)
    if shape["dates"]:
        first = datetime.fromisoformat(shape["dates"]["first"])
        apart = timedelta(minutes=shape["dates"]["minutes"])
        dates = [first + number * apart for number in range(steps)]
    return LongSeries(torch.from_numpy(values), columns, parts, dates, informative, clean)


def _wander(steps: int, columns: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Returns ``(steps, columns)``: a decaying sum of kicks, with a season of straight lines."""
    kicks = generator.random((steps, columns)) - 0.5
    for step in range(1, steps):
        kicks[step] += MEMORY * kicks[step - 1]
    place = (np.arange(steps)[:, None] + generator.integers(SEASON, size=columns)) % SEASON
    return kicks + SWING * np.abs(place / SEASON - 0.5)


def _make_labelled(
    shape: dict[str, Any], rows: int | None, generator: np.random.Generator
) -> LabelledSeries:
    num_classes = len(shape["classes"]["train"])
    pattern = generator.random((num_classes, shape["channels"], min(CELLS, shape["steps"])))
    x, y = {}, {}
    for part, counts in shape["classes"].items():
        (kept,) = fewer_of_each([counts], rows)
        labels = generator.permutation(np.repeat(np.arange(num_classes), kept))
        known = enlarged(pattern[labels][:, :, None], (1, shape["steps"]))[:, :, 0]
        noise = generator.random((len(labels), shape["steps"], shape["channels"]))
        values = SHARE * known.swapaxes(1, 2) + (1 - SHARE) * noise
        lengths = generator.integers(shape["shortest"], shape["steps"] + 1, size=len(labels))
        lengths[:2] = shape["steps"], shape["shortest"]
        values[np.arange(shape["steps"]) >= lengths[:, None]] = np.nan
        x[part], y[part] = torch.from_numpy(values), torch.from_numpy(labels)
    return LabelledSeries(x, y, tuple(f"class {number}" for number in range(num_classes)))
