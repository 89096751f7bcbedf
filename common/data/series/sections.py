"""A long series cut into equal sections, and the calendar of its steps."""

from collections.abc import Sequence
from datetime import datetime

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

COVARIATES = ("minute", "hour", "weekday", "day", "day of year", "month", "ISO week")


def cut_sections(series: Tensor, count: int) -> Tensor:
    """Returns ``(count * instances, length, channels)`` of ``(instances, steps, channels)``.

    As equal as can be, the longer ones first; the others are padded at their end with NaN. Section
    by section, as TS2Vec and its followers lay them out.
    """
    parts = [part.transpose(0, 1) for part in series.tensor_split(count, dim=1)]
    padded = pad_sequence(parts, batch_first=True, padding_value=torch.nan)
    return padded.transpose(1, 2).flatten(0, 1)


def time_covariates(dates: Sequence[datetime]) -> Tensor:
    """Returns the calendar of each step, ``(steps, 7)`` in float64: see `COVARIATES`."""
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
