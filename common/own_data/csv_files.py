"""A CSV: what its columns hold, which is the time, and how far apart its lines are."""

import mimetypes
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

from common.errors import shown
from common.own_data.csv_lines import (
    COMMAS,
    Lines,
    is_comma_number,
    read_lines,
    table_rows,
    to_number,
)

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
LOOKED_AT = 20  # cells of a column that may hold dates
# What columns are called, in small letters alone: "Image path" is imagepath.
PATHS = ("filepath", "filename", "path", "file", "image", "imagepath", "imagefile")
CAPTIONS = ("title", "caption", "text")
CLICKS = {  # each also with "id" behind it
    "user": ("user", "uid", "customer", "client", "member", "visitor", "session"),
    "item": ("item", "iid", "article", "sku", "product", "movie", "asin"),
    "time": ("time", "ts", "timestamp", "date", "datetime", "day"),
}
PAIRS = (
    ("sentence1", "sentence2"),
    ("text1", "text2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
)
SCORES, CLASSES = ("score", "similarity", "rating"), ("label", "class", "goldlabel", "isduplicate")
OPEN_WORLD = {"img_path", "label", "method", "image_source", "tag"}


@dataclass(frozen=True)
class Column:
    """A column: ``numbers`` where all filled cells are finite ones, else its ``texts``.

    ``gap`` is the line of the first empty cell, or None. ``odd`` is line and cell of the first that
    is empty or no number, where most are numbers; ``num_odd`` counts such cells.
    """

    name: str
    numbers: list[float] | None
    texts: list[str]
    gap: int | None
    odd: tuple[int, str] | None
    num_odd: int

    @property
    def is_text(self) -> bool:
        """Whether most of its cells are no numbers."""
        return self.numbers is None and self.odd is None

    @property
    def constant(self) -> bool:
        """Whether one value fills it."""
        return len(set(self.texts)) < 2

    @property
    def has_commas(self) -> bool:
        """Whether it would have numbers without commas: for points, or between thousands."""
        return self.numbers is None and bool(self.texts) and all(map(is_comma_number, self.texts))

    @property
    def is_clock(self) -> bool:
        """Whether it counts the time in numbers, such as the seconds since 1970."""
        numbers = self.numbers or []
        rising = len(numbers) > 1 and all(one < other for one, other in pairwise(numbers))
        return rising and self.name.lower() in TIME_NAMES

    @property
    def is_index(self) -> bool:
        """Whether it holds the lines' numbers: pandas writes them so, and names them on reading."""
        return not self.name or re.fullmatch(r"Unnamed: 0(\.\d+)*", self.name) is not None


@dataclass(frozen=True)
class Times:
    """The column of time: its format, first and last date, and minutes between most lines.

    ``broken``: the first line that is no date one step after that of the line before it, and what
    it is; or None. ``missing``: how many lines would fill the gaps, if gaps are all that is wrong.
    """

    name: str
    date_format: str | None
    first: datetime
    last: datetime
    minutes: float
    broken: tuple[int, str] | None
    missing: int


@dataclass(frozen=True)
class CsvFile:
    """A CSV with a header; ``forms`` are the data sets it can be read as, the likeliest first."""

    path: Path
    lines: Lines
    columns: list[Column]
    times: Times | None
    forms: tuple[str, ...]

    @property
    def rows(self) -> int:
        """The number of lines below the header."""
        return len(self.lines) - 1

    def describe(self) -> str:
        """Returns what was found, in words."""
        said = f"a CSV of {self.rows:,} lines and {len(self.columns)} columns"
        if self.commas:
            said += f" ({self.commas})"
        if self.times is None:
            return said
        one = self.times
        if one.minutes <= 0:
            return f"{said}, with dates in {one.name} that are not in order"
        return f"{said}, {one.first} to {one.last}, a line every {spell(one.minutes)}"

    @property
    def commas(self) -> str:
        """What to say of numbers with decimal commas, "" where there are none."""
        names = ", ".join(one.name for one in self.columns if one.has_commas)
        return f"commas make the numbers of {names} text; {COMMAS}" if names else ""

    def column(self, name: str) -> Column | None:
        """Returns the column ``name``, or None."""
        return next((column for column in self.columns if column.name == name), None)


def called(columns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Returns those of ``columns`` that have one of ``names``, whatever their case and marks."""
    known = set(names)
    return [one for one in columns if "".join(filter(str.isalnum, one.lower())) in known]


def click_columns(columns: Iterable[str], role: str) -> list[str]:
    """Returns those of ``columns`` that are called as a ``role`` of `CLICKS`."""
    names = CLICKS[role]
    return called(columns, [*names, *(f"{name}id" for name in names)])


def pair_columns(columns: Iterable[str]) -> list[list[str]]:
    """Returns the pairs of ``columns`` that are called as one of `PAIRS`."""
    every = list(columns)
    found = ([*called(every, [first]), *called(every, [second])] for first, second in PAIRS)
    return [pair for pair in found if len(pair) == 2]


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
    return CsvFile(path, lines, columns, times, _forms(columns, times))


def class_folders(table: Path) -> str:
    """Returns how images beside a CSV that names them get classes; "" where it names none.

    Raises:
        DataError: As `table_rows`.
    """
    rows = islice(table_rows(table), LOOKED_AT + 1)
    for name, *cells in zip(*(cells for _, cells in rows), strict=False):
        kinds = ((cell, mimetypes.guess_type(cell, strict=False)[0] or "") for cell in cells)
        images = (cell for cell, kind in kinds if kind.startswith("image/"))
        if any(os.path.isfile(table.parent / image) for image in images):
            return (
                f"{table}: its column {name} names images; for classes, move each image into a "
                f"folder named by its class, and give {table.parent}"
            )
    return ""


def _column(lines: Lines, place: int) -> Column:
    cells = [(number, line[place], to_number(line[place])) for number, line in lines[1:]]
    texts = [cell for _, cell, _ in cells if cell]
    gap = next((number for number, cell, _ in cells if not cell), None)
    numbers = [value for *_, value in cells if value is not None]
    others = [(number, cell) for number, cell, value in cells if value is None]
    odd = others[0] if others and 2 * len(numbers) > len(texts) else None
    whole = numbers if texts and len(numbers) == len(texts) else None
    return Column(lines[0][1][place], whole, texts, gap, odd, len(others))


def _find_times(lines: Lines, columns: list[Column]) -> Times | None:
    """Returns the first column of dates, one that is whole before one that is not.

    One of numbers is none, whatever it is called.
    """
    named = sorted(enumerate(columns), key=lambda pair: pair[1].name.lower() not in TIME_NAMES)
    found = [
        times
        for place, column in named
        if column.numbers is None and (times := _times(lines, place, column)) is not None
    ]
    return next((times for times in found if times.broken is None), found[0] if found else None)


def _times(lines: Lines, place: int, column: Column) -> Times | None:
    """Returns the dates of a column in the form that reads the most cells, if it reads most."""
    cells = [row[place] for _, row in lines[1:]]
    forms = [form for form in DATE_FORMATS if _are_most(_dates(column.texts[:LOOKED_AT], form))]
    tried = [(form, _dates(cells, form)) for form in forms]
    form, dates = max(tried, key=lambda pair: -pair[1].count(None), default=(None, []))
    if not _are_most(dates):
        return None
    zoned = 2 * sum(date is not None and date.tzinfo is not None for date in dates) > len(dates)
    kept = [date for date in dates if date is not None and (date.tzinfo is not None) == zoned]
    steps = Counter(after - before for before, after in pairwise(kept)).most_common(1)
    if not steps:
        return None
    step = steps[0][0]
    found = (
        (number, what)
        for (number, _), cell, before, date in zip(
            lines[1:], cells, [None, *dates], dates, strict=False
        )
        if (what := _what_is_wrong(cell, before, date, zoned, step))
    )
    minutes = step / timedelta(minutes=1)
    broken = next(found, None)
    return Times(
        column.name, form, kept[0], kept[-1], minutes, broken, _missing(kept, len(cells), step)
    )


def _missing(dates: list[datetime], lines: int, step: timedelta) -> int:
    gaps = [after - before for before, after in pairwise(dates)]
    whole = len(dates) == lines and all(
        gap >= step > timedelta(0) and not gap % step for gap in gaps
    )
    return sum(gap // step - 1 for gap in gaps) if whole else 0


def _what_is_wrong(
    cell: str, before: datetime | None, date: datetime | None, zoned: bool, step: timedelta
) -> str:
    if date is None:
        return f"holds {shown(cell)}, no date" if cell else "is empty"
    if (date.tzinfo is not None) != zoned:
        return f"is {date}: all dates must have a time zone, or none"
    if before is not None and date <= before:
        return "is not after the line before"
    if before is not None and date - before != step:
        return f"is not {spell(step / timedelta(minutes=1))} after the line before"
    return ""


def _dates(texts: list[str], form: str | None) -> list[datetime | None]:
    return [_date(text, form) for text in texts]


def _date(text: str, form: str | None) -> datetime | None:
    try:
        return datetime.strptime(text, form) if form else datetime.fromisoformat(text)
    except ValueError:
        return None


def _are_most(dates: list[datetime | None]) -> bool:
    return 2 * dates.count(None) < len(dates)


def _forms(columns: list[Column], times: Times | None) -> tuple[str, ...]:
    names = {column.name.lower() for column in columns}
    texts = {column.name.lower() for column in columns if column.numbers is None}
    if names >= OPEN_WORLD:
        return ("ow-dfa",)
    if pair_columns(names):
        return "pairs", "sentences with numbers"
    if called(texts, PATHS) and called(texts, CAPTIONS):
        return ("caption-table",)
    if "path" in texts:
        files = next(column.texts for column in columns if column.name.lower() == "path")
        volumes = any(file.endswith(".npy") for file in files[:1])
        return ("volume-table",) if volumes else ("image-table",)
    if times is None and all(column.is_text for column in columns):
        return ("sentences",)
    clicks = ("file",) if click_columns(names, "user") and click_columns(names, "item") else ()
    first, second = ("csv", "table") if times is not None else ("table", "csv")
    sentences = ("sentences",) if times is None and any(map(_has_sentences, columns)) else ()
    return *clicks, first, second, "answered-table", *sentences


def _has_sentences(column: Column) -> bool:
    """Tells whether most cells are text of several words."""
    several = sum(" " in text.strip() for text in column.texts)
    return column.is_text and 2 * several > len(column.texts)
