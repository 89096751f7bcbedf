"""Rows with answers that stand in for a real set of their form."""

from typing import Any

import numpy as np
import torch

from papers.sirl.data import TrajectoryData
from papers.sirl.rows import TrajectorySet


def shape_of(data: TrajectoryData) -> dict[str, Any]:
    """Returns what `make` must know of a set; JSON can hold it."""
    data.load()
    found = data.whole
    return {
        "columns": list(found.columns),
        "rows": [int((~found.is_test).sum()), int(found.is_test.sum())],
        "values": [float(found.rows.min()), float(found.rows.max())],
        "features": None if found.features is None else found.features.shape[1],
        "answered": None if found.answered is None else len(found.answered),
    }


def inputs(batch: Any) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch of any arm."""
    return (batch[0],)


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> TrajectorySet:
    """Returns rows in float64, whose first columns the true features follow.

    Args:
        shape: What `shape_of` returned.
        rows: About so many training rows, and as many fewer tested ones; None: all.
        seed: Decides every draw.
    """
    generator = np.random.default_rng(seed)
    train, test = shape["rows"]
    kept = train if rows is None else min(rows, train)
    num = kept + (max(test * kept // train, 3) if test else 0)
    low, high = shape["values"]
    share = generator.random((num, len(shape["columns"])))
    features, answered = shape["features"], shape["answered"]
    if answered:
        answered = np.argsort(generator.random((answered, num)), axis=1)[:, :3]
    return TrajectorySet(
        torch.from_numpy(low * (1 - share) + high * share),
        torch.arange(num) >= kept,
        torch.from_numpy(np.abs(share[:, :features] - 0.5)) if features else None,
        torch.from_numpy(answered) if answered is not None else None,
        tuple(shape["columns"]),
    )
