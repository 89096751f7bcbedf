"""A user's own series for a trained run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.series.config import SeriesConfig
from common.data.series.readers.files import read_series
from common.data.series.sets import LongSeries, Prepared, prepare_long
from common.errors import DataError


def read_own(
    path: Path, config: SeriesConfig, run: Prepared
) -> tuple[Prepared, NDArray[np.str_] | NDArray[np.int64]]:
    """Returns the run's columns of a CSV in the run's units, all of it as the part "test".

    Args:
        path: A CSV as `read_series` takes it.
        config: The run's ``data:`` section.
        run: The series that the run was trained on.

    Returns:
        The series, and (steps,) the date of each step in ISO 8601, or its number without dates.

    Raises:
        DataError: Nothing to read, columns missing, fewer steps than a window.
    """
    dated = run.inputs.shape[2] > run.targets.shape[2]
    date = ("date" if config.date is None else config.date) if dated else None
    found = read_series(path, date, config.date_format, columns=run.names, fill=config.fill)
    steps = len(found.values)
    if steps < config.window:
        raise DataError(f"{path}: {steps} steps, but a window has {config.window}")
    whole = LongSeries(found.values, found.columns, ((0, steps),) * 3, found.dates)
    ready = prepare_long(whole, str(path), [], config.apart, dated, run.scale)
    if found.dates is None:
        return ready, np.arange(steps)
    return ready, np.array([date.isoformat(" ") for date in found.dates], dtype=np.str_)
