"""A CSV: what its columns hold, which is the time, and how far apart its lines are."""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from common.data.catalogue.csv_lines import Lines, read_lines

TIME_NAMES = ("date", "datetime", "time", "timestamp")
# How dates are written; null: ISO 8601. Day and month first are told apart by the days above 12.
DATE_FORMATS = (
    None,
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
)
PATHS, CAPTIONS = ("filepath", "path", "file", "image"), ("title", "caption", "text")
SENTENCES = {"sentence1", "sentence2"}
OPEN_WORLD = {"img_path", "label", "method", "image_source", "tag"}


@dataclass(frozen=True)
class Column:
    """A column: ``numbers`` where all filled cells are finite ones, else its ``texts``.

    ``gap`` is the line of the first empty cell, or None.
    """

    name: str
    numbers: list[float] | None
    texts: list[str]
    gap: int | None

    @property
    def constant(self) -> bool:
        """Whether one value fills it."""
        return len(set(self.texts)) < 2


@dataclass(frozen=True)
class Times:
    """The column of time: its format, first and last date, and minutes between most lines.

    ``broken``: the first line that is not one step after the line before it, or None.
    """

    name: str
    date_format: str | None
    first: datetime
    last: datetime
    minutes: float
    broken: int | None


@dataclass(frozen=True)
class CsvFile:
    """A CSV with a header; ``forms`` are the data sets it can be read as, the likeliest first."""

    path: Path
    rows: int
    columns: list[Column]
    times: Times | None
    forms: tuple[str, ...]

    def describe(self) -> str:
        """Returns what was found, in words."""
        said = f"a CSV of {self.rows:,} lines and {len(self.columns)} columns"
        if self.times is None:
            return said
        one = self.times
        return f"{said}, {one.first} to {one.last}, a line every {spell(one.minutes)}"

    def column(self, name: str) -> Column | None:
        """Returns the column ``name``, or None."""
        return next((column for column in self.columns if column.name == name), None)


def spell(minutes: float) -> str:
    """Returns a time in its largest whole unit: ``2 hours``."""
    for unit, size in (("day", 1440.0), ("hour", 60.0)):
        if minutes >= size and minutes % size == 0:
            return f"{minutes / size:g} {unit}{'s' * (minutes != size)}"
    return f"{minutes:g} minute{'s' * (minutes != 1)}"


def recognise_csv(path: Path) -> CsvFile:
    """Reads the cells of a CSV.

    Raises:
        DataError: No table; names file and line.
    """
    lines = read_lines(path)
    columns = [_column(lines, place) for place in range(len(lines[0][1]))]
    times = _find_times(lines, columns)
    return CsvFile(path, len(lines) - 1, columns, times, _forms(columns, times))


def _column(lines: Lines, place: int) -> Column:
    cells = [(number, line[place]) for number, line in lines[1:]]
    gap = next((number for number, cell in cells if not cell), None)
    texts = [cell for _, cell in cells if cell]
    try:
        numbers: list[float] | None = [float(cell) for cell in texts]
    except ValueError:
        numbers = None
    if not texts or (numbers and not all(map(math.isfinite, numbers))):
        numbers = None
    return Column(lines[0][1][place], numbers, texts, gap)


def _find_times(lines: Lines, columns: list[Column]) -> Times | None:
    """Returns the first column of dates; one of numbers is none, whatever it is called."""
    named = sorted(columns, key=lambda column: column.name.lower() not in TIME_NAMES)
    for column in named:
        if column.numbers is not None or column.gap is not None:
            continue
        for form in DATE_FORMATS:
            dates = _dates(column.texts, form)
            if dates is not None and len({date.tzinfo is None for date in dates}) == 1:
                return _times(lines, column.name, form, dates)
    return None


def _dates(texts: list[str], form: str | None) -> list[datetime] | None:
    try:
        return [
            datetime.strptime(text, form) if form else datetime.fromisoformat(text)
            for text in texts
        ]
    except ValueError:
        return None


def _times(lines: Lines, name: str, form: str | None, dates: list[datetime]) -> Times:
    gaps = [after - before for before, after in pairwise(dates)]
    step = Counter(gaps).most_common(1)[0][0]
    wrong = (place for place, gap in enumerate(gaps, 2) if gap != step or gap <= timedelta(0))
    place = next(wrong, None)
    broken = None if place is None else lines[place][0]
    return Times(name, form, dates[0], dates[-1], step / timedelta(minutes=1), broken)


def _forms(columns: list[Column], times: Times | None) -> tuple[str, ...]:
    names = {column.name.lower() for column in columns}
    texts = {column.name.lower() for column in columns if column.numbers is None}
    if names >= OPEN_WORLD:
        return ("ow-dfa",)
    if names >= SENTENCES:
        return ("sentences with numbers",)
    if texts & set(PATHS) and texts & set(CAPTIONS):
        return ("caption-table",)
    if "path" in texts:
        files = next(column.texts for column in columns if column.name.lower() == "path")
        return ("volume-table",) if files[0].endswith(".npy") else ("image-table",)
    if all(column.numbers is None for column in columns) and times is None:
        return ("sentences",)
    first, second = ("csv", "table") if times is not None else ("table", "csv")
    return first, second, "answered-table"
