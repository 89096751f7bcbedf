"""Actions as a table, one a line: a CSV, Parquet or .inter with users, items and times."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

from common.errors import DataError, MissingLibrary, shown
from common.own_data.csv_files import CLICKS, DATE_FORMATS, LOOKED_AT, click_columns
from common.own_data.csv_lines import check_names, kind_of, table_rows, to_number

NOBODY = ("", "n/a", "nan", "none", "null")  # what programs write for an empty cell
NUMBER, ISO, ZONED = "a number", "a date of ISO 8601", "a date of ISO 8601 with a time zone"
FORMS = (NUMBER, ISO, ZONED, *(form for form in DATE_FORMATS if form))


class Columns(NamedTuple):
    """Names of the columns; None: by `CLICKS`, and of the time also that there is none."""

    user: str | None = None
    item: str | None = None
    time: str | None = None


BY_NAME = Columns()


class Click(NamedTuple):
    """A line: its number, and its cells."""

    number: int
    user: str
    item: str
    time: str


def find_columns(path: Path, header: Sequence[str], asked: Columns) -> Columns:
    """Returns the columns of users, items and times; None: the table has no times.

    Raises:
        DataError: Not there, all of which are told, or two that are called so.
    """
    found, wrong, mends = {}, [], []
    for role, name in asked._asdict().items():
        fitting = click_columns(header, role) if name is None else [name] * (name in header)
        if len(fitting) > 1:
            raise DataError(
                f"{path}: columns {', '.join(fitting)} may be the {role}; name one: "
                f"data.{role}={fitting[0]}"
            )
        if name is not None and not fitting:
            likely = get_close_matches(name, header, n=1) or click_columns(header, role)
            wrong.append(f"no column {shown(name)} of the {role}")
            mends.append(f"data.{role}={(likely or ['null' if role == 'time' else 'NAME'])[0]}")
        elif not fitting and role != "time":
            wrong.append(f"no column of the {role} ({', '.join(CLICKS[role])}, perhaps with id)")
            mends.append(f"data.{role}=NAME")
        found[role] = fitting[0] if fitting else None
    if wrong:
        raise DataError(
            f"{path}: {' and '.join(wrong)} among {', '.join(header)}; name yours: "
            f"{' '.join(mends)}"
        )
    return Columns(**found)


def read_header(path: Path) -> list[str]:
    """Returns the names of the columns of a CSV, Parquet or ``.inter``, whose types are left out.

    Raises:
        DataError: Unreadable.
    """
    if path.suffix.lower() == ".parquet":
        return list(_open_parquet(path).schema_arrow.names)
    header = next(islice(table_rows(path), 1), (1, [""]))[1]
    if kind_of(path) == "inter":
        header = [name.partition(":")[0] for name in header]
    return header


def read_clicks(path: Path, asked: Columns) -> tuple[list[Click], list[float], Columns]:
    """Returns the lines of a table, the seconds of each, all 0 without times, and the columns.

    Raises:
        DataError: Columns that are not found, a cell without a value, or a time that is none;
            names the line.
    """
    header = read_header(path)
    columns = find_columns(path, header, asked)
    check_names(path, header, filter(None, columns))
    if path.suffix.lower() == ".parquet":
        rows = _parquet_rows(path, columns)
    else:
        places = [header.index(name) for name in columns if name is not None]
        rows = _csv_rows(path, len(header), places)
    # A user and an item come many times, and are held once.
    clicks = [
        Click(number, intern(user), intern(item), *(time or [""]))
        for number, (user, item, *time) in rows
    ]
    for click in clicks:
        for role, name in zip(("user", "item"), columns, strict=False):
            if (cell := getattr(click, role)).lower() in NOBODY:
                what = f"holds {shown(cell)}, which is no {role}" if cell else "is empty"
                raise DataError(
                    f"{place_in(path, click.number)}: column {name!r} {what}; take the line out"
                )
    if columns.time is None:
        return clicks, [0.0] * len(clicks), columns
    return clicks, _seconds(path, columns.time, clicks), columns


def place_in(path: Path, number: int) -> str:
    """Returns where a line of a table stands, in words."""
    return f"{path}, {'row' if path.suffix == '.parquet' else 'line'} {number}"


def _csv_rows(path: Path, width: int, places: list[int]) -> Iterator[tuple[int, list[str]]]:
    inter = kind_of(path) == "inter"  # RecBole's own reader bears lines that end early
    for number, cells in islice(table_rows(path), 1, None):
        if inter and not any(cells):
            continue
        if len(cells) <= max(places) if inter else len(cells) != width:
            raise DataError(
                f"{path}, line {number}: {len(cells)} cells, but the header has {width}"
            )
        yield number, [cells[place] for place in places]


def _open_parquet(path: Path) -> Any:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingLibrary(str(path), "parquet", "pyarrow") from None
    try:
        return parquet.ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise DataError(f"{path}: not readable as Parquet: {error}") from None


def _parquet_rows(path: Path, columns: Columns) -> Iterator[tuple[int, list[str]]]:
    names, number = [name for name in columns if name is not None], 0
    for batch in _open_parquet(path).iter_batches(columns=names):
        columns_of = [_in_microseconds(batch.column(name)) for name in names]
        for cells in zip(*(column.to_pylist() for column in columns_of), strict=True):
            number += 1
            yield number, ["" if cell is None else str(cell) for cell in cells]


def _in_microseconds(column: Any) -> Any:
    """Returns a column of Parquet; dates of nanoseconds would need pandas to be read."""
    from pyarrow import timestamp, types

    if not types.is_timestamp(column.type):
        return column
    return column.cast(timestamp("us", column.type.tz), safe=False)


def _seconds(path: Path, column: str, clicks: list[Click]) -> list[float]:
    """Returns times in seconds: numbers as they are, else dates of one form.

    Raises:
        DataError: A cell of another form, a date with a time zone among others without, or days
            and months that cannot be told apart; names the line.
    """
    cells = [click.time for click in clicks]
    first = cells[:LOOKED_AT]
    told = {form: sum(_time(cell, form) is not None for cell in first) for form in FORMS}
    likely = sorted((form for form in FORMS if told[form]), key=lambda form: -told[form])
    whole = [form for form in likely if all(_time(cell, form) is not None for cell in cells)]
    if len(whole) > 1 and whole[0] not in (NUMBER, ISO):
        raise DataError(
            f"{place_in(path, clicks[0].number)}: column {column!r} may be {' or '.join(whole)}; "
            "write dates as 2024-05-31 18:00"
        )
    form = (whole or likely or [ISO])[0]
    times = [_time(cell, form) for cell in cells]
    if None in times:
        odd = clicks[times.index(None)]
        what = f"holds {shown(odd.time)}, which is not {form}" if odd.time else "is empty"
        raise DataError(
            f"{place_in(path, odd.number)}: column {column!r} {what}; times are numbers, or dates "
            "as 2024-05-31 18:00, all with a time zone or none"
        )
    return [time for time in times if time is not None]


def _time(cell: str, form: str) -> float | None:
    """Returns a time in seconds, or None; a date without a time zone is taken for UTC's."""
    if form == NUMBER:
        return to_number(cell)
    zoned = form == ZONED
    try:
        date = (
            datetime.fromisoformat(cell) if zoned or form == ISO else datetime.strptime(cell, form)
        )
    except ValueError:
        return None
    if (date.tzinfo is not None) != zoned:
        return None
    return (date if zoned else date.replace(tzinfo=UTC)).timestamp()
