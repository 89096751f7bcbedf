"""What readers return, one long series or many short ones with labels; and what is cut of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from common.errors import ConfigError, DataError, suggest
from common.evaluation.series_inputs import SplitSeries

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class LongSeries:
    """One long series as it was measured.

    Attributes:
        values: ``(steps, columns)`` float64.
        columns: Their names.
        parts: Start and end (exclusive) of training, validation and test, in this order.
        dates: Dates of each step, or none.
        informative: ``(steps,)`` true where the step carries information, of a generated series.
        clean: ``(steps,)``: its informative part, in the units of ``values``.
    """

    values: Tensor
    columns: tuple[str, ...]
    parts: tuple[tuple[int, int], ...]
    dates: Sequence[datetime] | None = None
    informative: Tensor | None = None
    clean: Tensor | None = None


@dataclass(frozen=True)
class LabelledSeries:
    """Short series with classes; ``x``: (num, steps, channels), NaN where there is nothing."""

    x: dict[str, Tensor]
    y: dict[str, Tensor]
    class_names: tuple[str, ...]


class Scale(NamedTuple):
    """Mean and deviation of each target and of each part of the calendar, in training."""

    mean: Tensor
    std: Tensor
    calendar_mean: Tensor
    calendar_std: Tensor


@dataclass(frozen=True)
class Prepared(SplitSeries):
    """A long series as a network reads it; ``scale`` is what it was standardised with."""

    scale: Scale


def split_steps(steps: int, shares: Sequence[float]) -> tuple[tuple[int, int], ...]:
    """Returns the bounds of three parts in order, cut as the published loaders cut."""
    first, second = int(shares[0] * steps), int((shares[0] + shares[1]) * steps)
    return (0, first), (first, second), (second, steps)


def prepare_long(
    found: LongSeries,
    name: str,
    targets: list[str],
    apart: bool,
    calendar: bool,
    scale: Scale | None = None,
) -> Prepared:
    """Returns chosen columns and the calendar, standardised on the training part.

    Population deviations, as the published loaders' scaler; what is constant becomes 0.

    Args:
        found: As it was read.
        name: For messages.
        targets: Columns; none: all.
        apart: Each target as an instance of one channel.
        calendar: Whether the calendar goes in, where there are dates.
        scale: Scale of an earlier series, to be used in place of this one's.

    Raises:
        ConfigError: A target that is no column.
        DataError: Targets that are constant in training.
    """
    chosen = targets or list(found.columns)
    for target in chosen:
        if target not in found.columns:
            hint = suggest(target, list(found.columns))
            raise ConfigError(f"data.targets: {name} has no column {target!r}{hint}")
    values = found.values[:, [found.columns.index(target) for target in chosen]]
    dated = calendar and found.dates is not None
    known = time_covariates(found.dates or []) if dated else torch.empty(len(values), 0)
    train = slice(*found.parts[0])
    scale = scale or Scale(*_scale(values[train]), *_scale(known[train]))
    flat = [column for column, std in zip(chosen, scale.std, strict=True) if std.isinf()]
    if flat:
        raise DataError(
            f"{name}: column {flat[0]!r} is constant over the training part: nothing to forecast; "
            "leave it out with data.targets"
        )
    scaled = ((values - scale.mean) / scale.std)[None]
    scaled = scaled.permute(2, 1, 0) if apart else scaled
    dates = ((known - scale.calendar_mean) / scale.calendar_std).expand(len(scaled), -1, -1)
    clean = found.clean
    clean = None if clean is None else ((clean[:, None] - scale.mean) / scale.std)[None]
    return Prepared(
        torch.cat([dates, scaled], 2).float(),
        scaled,
        clean,
        found.informative,
        dict(zip(PARTS, found.parts, strict=True)),
        tuple(chosen),
        scale,
    )


def _scale(values: Tensor) -> tuple[Tensor, Tensor]:
    mean = values.mean(0)
    std = (values - mean).square().mean(0).sqrt()
    return mean, torch.where(std > 1e-9 * (1e-9 + mean.abs()), std, torch.inf)


def scale_labelled(found: LabelledSeries) -> dict[str, Tensor]:
    """Returns the series standardised per channel on the training ones; NaN becomes 0."""
    known = found.x["train"].flatten(0, 1).double()
    mean = known.nanmean(0)
    std = (known - mean).square().nanmean(0).sqrt()
    std = torch.where(std > 1e-9 * (1e-9 + mean.abs()), std, torch.inf)
    return {
        part: torch.nan_to_num((x.double() - mean) / std, nan=0.0).float()
        for part, x in found.x.items()
    }


def check_labelled(found: LabelledSeries, name: str) -> None:
    """Raises `DataError` for a set that cannot be learnt from, or labels that training lacks."""
    for part, x in found.x.items():
        if len(x) == 0:
            raise DataError(f"{name}: no series in {part!r}")
        if x.shape[2] != found.x["train"].shape[2]:
            trained = found.x["train"].shape[2]
            raise DataError(f"{name}: {part!r} has {x.shape[2]} channels, training has {trained}")
        if x.isinf().any() or x.isnan().flatten(1).all(1).any():
            raise DataError(f"{name}: {part!r} holds infinity or a series without any value")
    known = set(found.y["train"].tolist())
    if len(known) < 2:
        raise DataError(f"{name}: all training series are of one class: nothing to tell apart")
    strange = set(found.y["test"].tolist()) - known
    if strange:
        names = ", ".join(found.class_names[int(label)] for label in sorted(strange))
        raise DataError(f"{name}: no training series of the tested class {names}")


def digest_of(arrays: Sequence[Any]) -> str:
    """Returns 16 hex digits over arrays, their types and shapes."""
    digest = hashlib.sha256()
    for array in arrays:
        values = np.ascontiguousarray(array)
        digest.update(f"{values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()[:16]


def cut_sections(series: Tensor, count: int) -> Tensor:
    """Returns ``(count * instances, length, channels)`` of ``(instances, steps, channels)``.

    As equal as can be, the longer ones first; the others are padded at their end with NaN. Section
    by section, as TS2Vec and its followers lay them out.
    """
    parts = [part.transpose(0, 1) for part in series.tensor_split(count, dim=1)]
    padded = pad_sequence(parts, batch_first=True, padding_value=torch.nan)
    return padded.transpose(1, 2).flatten(0, 1)


def time_covariates(dates: Sequence[datetime]) -> Tensor:
    """Returns the calendar of each step, ``(steps, 7)`` in float64."""
    rows = [
        (
            date.minute,
            date.hour,
            date.weekday(),
            date.day,
            date.timetuple().tm_yday,
            date.month,
            date.isocalendar().week,
        )
        for date in dates
    ]
    return torch.tensor(rows, dtype=torch.float64)
