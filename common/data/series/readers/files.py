"""Long series from files: published sets of the data root, and a user's own CSV."""

import gzip
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.catalogue.root import require
from common.data.series.config import SeriesConfig
from common.data.series.sets import LongSeries, split_steps
from common.errors import DataError
from common.own_data.csv_lines import MISSING, Lines, read_lines, read_numbers

HOUR = 60.0
MOST_SPREAD = 10  # steps of a series for each of its lines
MINUTE = timedelta(minutes=1)
MEND = "fill the gap (data.fill), or train without the column (data.targets)"
SHARES = (0.6, 0.2, 0.2)


class Published(NamedTuple):
    """Where a set lies in the data root, and how it is written and split.

    ``step_minutes``: null where it is not known: what most lines are apart. ``parts``: steps of
    training, validation and test from the start on; empty: `SHARES`. ``columns``: empty: all.
    """

    path: str
    step_minutes: float | None
    parts: tuple[int, ...] = ()
    date_format: str | None = None
    date: str = "date"
    columns: tuple[str, ...] = ()


MONTH = 30 * 24
ETT_HOURLY = (12 * MONTH, 4 * MONTH, 4 * MONTH)
# What AutoTCL's loader forecasts; the file, which is not public, may hold more.
LORA = (
    "gw1-lp-RSSI2",
    "gw1-lp-SNR2",
    "gw2-lp-RSSI1",
    "gw2-lp-SNR1",
    "gw1-lp-BER2",
    "gw1-lp-PRR2",
    "gw2-lp-BER1",
    "gw2-lp-PRR1",
)
PUBLISHED = {
    "electricity": Published("timeseries/electricity/electricity.csv.gz", HOUR),
    "etth1": Published("timeseries/ett/ETTh1.csv.gz", HOUR, ETT_HOURLY),
    "etth2": Published("timeseries/ett/ETTh2.csv.gz", HOUR, ETT_HOURLY),
    "ettm1": Published("timeseries/ett/ETTm1.csv.gz", 15, tuple(4 * n for n in ETT_HOURLY)),
    "lora": Published("timeseries/lora/lora-all.csv.gz", None, date="time", columns=LORA),
    "wth": Published("timeseries/weather_wth/WTH.csv.gz", HOUR, (), "%m/%d/%Y %H:%M"),
}
EXCHANGE = "timeseries/exchange_rate/exchange_rate.txt.gz"


def published(config: SeriesConfig) -> LongSeries:
    """Returns the set ``data.name`` of the data root with its official split.

    Raises:
        DataError: A missing file, or one that is not as published.
    """
    known = PUBLISHED[config.name]
    path = require(config.root, known.path, config.name)
    found = read_series(path, known.date, known.date_format, known.step_minutes, known.columns)
    return _in_parts(path, found, known.parts) if known.parts else found


def _in_parts(path: Path, found: LongSeries, sizes: Sequence[int]) -> LongSeries:
    """Returns the first steps of a series, cut into parts of ``sizes``.

    Raises:
        DataError: Fewer steps.
    """
    if len(found.values) < sum(sizes):
        raise DataError(f"{path}: {len(found.values)} steps, but its split has {sum(sizes)}")
    ends = np.cumsum((0, *sizes)).tolist()
    kept = slice(0, ends[-1])
    dates = found.dates and found.dates[kept]
    return LongSeries(found.values[kept], found.columns, tuple(pairwise(ends)), dates)


def exchange_rate(config: SeriesConfig) -> LongSeries:
    """Returns the daily rates of 8 currencies; the file has neither names nor dates.

    Raises:
        DataError: A missing file, or one that holds something else than numbers.
    """
    path = require(config.root, EXCHANGE, config.name)
    try:
        with gzip.open(path, "rt") as file:
            lines = file.read().splitlines()
        values = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a table of numbers: {error}") from None
    filled = [number for number, line in enumerate(lines, 1) if line]
    broken = [
        number for number, row in zip(filled, values, strict=True) if not np.isfinite(row).all()
    ]
    if broken:
        raise DataError(f"{path}, line {broken[0]}: holds no finite number")
    names = tuple(f"currency {number}" for number in range(1, values.shape[1] + 1))
    return LongSeries(torch.from_numpy(values), names, split_steps(len(values), SHARES))


def own_csv(config: SeriesConfig) -> LongSeries:
    """Returns the user's CSV ``data.path``."""
    assert config.path is not None
    path = Path(config.path).expanduser()
    found = read_series(
        path, config.date, config.date_format, config.step_minutes, config.targets, config.fill
    )
    if config.parts:
        return _in_parts(path, found, config.parts)
    parts = split_steps(len(found.values), config.shares)
    return LongSeries(found.values, found.columns, parts, found.dates)


def read_series(
    path: Path,
    date: str | None,
    date_format: str | None = None,
    step_minutes: float | None = None,
    columns: Sequence[str] = (),
    fill: str | None = None,
) -> LongSeries:
    """Reads a CSV with a header, a line a step, oldest first.

    Args:
        path: Plain or gzipped.
        date: The column of dates, or null.
        date_format: As in `datetime.strptime`; null: ISO 8601.
        step_minutes: Between two lines; null: what most lines are apart.
        columns: To be read; none: all but the dates.
        fill: ``data.fill``, for cells without a value, and for lines that are missing.

    Raises:
        DataError: With the line of what is missing, no number, twice, out of order or apart.
    """
    lines = read_lines(path)
    header = lines[0][1]
    if date is not None and date not in header:
        raise DataError(f"data.date={date}: {path} has no such column; null reads it without dates")
    used = list(columns) or [name for name in header if name != date]
    if not used:
        raise DataError(f"{path}: no columns beside the dates")
    dates, places = None, list(range(len(lines) - 1))
    if date is not None:
        dates, places = read_dates(path, lines, date, date_format, step_minutes, fill is not None)
    missing = MISSING if fill else ()
    read = [
        _spread(np.array(read_numbers(path, lines, name, MEND, missing)), places) for name in used
    ]
    values = np.array([_filled(path, *pair, fill) for pair in zip(used, read, strict=True)]).T
    if gaps := int(np.isnan(read).sum()):
        said = f"{path}: data.fill={fill} fills {gaps:,} of {values.size:,} cells"
        warnings.warn(said, stacklevel=2)
    parts = split_steps(len(values), SHARES)
    return LongSeries(torch.from_numpy(np.ascontiguousarray(values)), tuple(used), parts, dates)


def _spread(values: NDArray[np.float64], places: Sequence[int]) -> NDArray[np.float64]:
    """Returns ``values`` at ``places``, and NaN at those of lines that are missing."""
    whole = np.full(places[-1] + 1, np.nan)
    whole[places] = values
    return whole


def _filled(
    path: Path, name: str, values: NDArray[np.float64], fill: str | None
) -> NDArray[np.float64]:
    """Fills NaN; before the first value, and after the last, stands the nearest one."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        raise DataError(f"{path}: column {name!r} holds no number")
    steps = np.arange(len(values))
    if fill == "previous":
        return values[known[np.maximum(np.searchsorted(known, steps, side="right") - 1, 0)]]
    return np.interp(steps, known, values[known])


def read_dates(
    path: Path,
    lines: Lines,
    name: str,
    date_format: str | None,
    step_minutes: float | None,
    may_lack: bool = False,
) -> tuple[list[datetime], list[int]]:
    """Returns the dates of all steps, one step apart, and which of them each line has.

    Args:
        path: To be named.
        lines: Lines of the table, the header first.
        name: The column of dates.
        date_format: As in `datetime.strptime`; null: ISO 8601.
        step_minutes: Between two steps; null: what most lines are apart.
        may_lack: Whether lines may be missing.

    Raises:
        DataError: With the line of a date that is unreadable, with a time zone where the first has
            none or the other way round, twice, before the line before it, or not one step after it.
    """
    place = lines[0][1].index(name)
    dates = [_date(path, number, cells[place], date_format) for number, cells in lines[1:]]
    for (number, _), date in zip(lines[1:], dates, strict=True):
        if (date.tzinfo is None) != (dates[0].tzinfo is None):
            raise DataError(
                f"{path}, line {number}: {date}: all dates must have a time zone, or none"
            )
    gaps = [after - before for before, after in pairwise(dates)]
    step = timedelta(minutes=step_minutes) if step_minutes else Counter(gaps).most_common(1)[0][0]
    steps, places = dates[:1], [0]
    for (number, _), date, gap in zip(lines[2:], dates[1:], gaps, strict=True):
        if gap <= timedelta(0):
            raise DataError(
                f"{path}, line {number}: {date} is not after the line before it; sort the lines, "
                "one a date, or use data.date=null"
            )
        lacks = may_lack and timedelta(0) < step < gap and not gap % step
        if gap != step and not lacks:
            raise DataError(
                f"{path}, line {number}: {date} is {gap / MINUTE:g} minutes after the line before "
                f"it; each must be {step / MINUTE:g} after (data.step_minutes), or use "
                "data.date=null"
            )
        places.append(places[-1] + gap // step)
        if places[-1] > MOST_SPREAD * len(dates):
            raise DataError(f"{path}, line {number}: {date} is too long after the line before it")
        steps += [steps[-1] + step * n for n in range(1, gap // step)] + [date]
    return steps, places


def _date(path: Path, number: int, text: str, date_format: str | None) -> datetime:
    try:
        if date_format is None:
            return datetime.fromisoformat(text)
        return datetime.strptime(text, date_format)
    except ValueError:
        form = date_format or "of ISO 8601"
        raise DataError(
            f"{path}, line {number}: {text!r} is no date {form}; set data.date_format"
        ) from None
