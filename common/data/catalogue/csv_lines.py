"""CSV files with a header, line by line, so that errors can name the line."""

import csv
import gzip
import math
from pathlib import Path

from common.errors import DataError, suggest

# Of files that are no CSV, though they are often called so.
SEPARATORS = (";", "\t", "|")

# (line number, cells), the header first.
Lines = list[tuple[int, list[str]]]


def read_lines(path: Path) -> Lines:
    """Returns the lines of a CSV, plain or gzipped; every one as long as the header.

    Raises:
        DataError: No such file, no table, other separators, a column named twice, or a line of
            another length.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise DataError(f"{path}: not readable as CSV: {error}") from None
    if len(lines) < 3:
        raise DataError(f"{path}: a header and at least two rows are needed")
    _check_header(path, lines[0][1], lines[1][1])
    width = len(lines[0][1])
    for number, cells in lines:
        if len(cells) != width:
            raise DataError(
                f"{path}, line {number}: {len(cells)} cells, but the header names {width} columns"
            )
    return lines


def _check_header(path: Path, header: list[str], first: list[str]) -> None:
    """Raises `DataError` for cells that no comma parts, and for a column named twice."""
    for mark in SEPARATORS:
        if len(header) == 1 and mark in header[0] and mark in "".join(first):
            raise DataError(f"{path}: cells are parted by {mark!r}; write the file with commas")
    for place, name in enumerate(header):
        if name in header[:place]:
            raise DataError(f"{path}, line 1: the header names column {name!r} twice; rename one")


def place_of(path: Path, header: list[str], name: str, hint: str = "") -> int:
    """Returns where column ``name`` stands.

    Raises:
        DataError: No such column; with the nearest name, and ``hint``.
    """
    if name not in header:
        raise DataError(f"{path}: no column {name!r}{suggest(name, header)}{hint}")
    return header.index(name)


def read_numbers(path: Path, lines: Lines, name: str, mend: str) -> list[float]:
    """Returns the numbers of column ``name``.

    Raises:
        DataError: No such column, or a gap, text or no finite number: with the line, and ``mend``.
    """
    place, numbers = place_of(path, lines[0][1], name), []
    for number, cells in lines[1:]:
        try:
            value = float(cells[place])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            what = f"holds {cells[place]!r}, not a finite number" if cells[place] else "is empty"
            raise DataError(f"{path}, line {number}: column {name!r} {what}; {mend}")
        numbers.append(value)
    return numbers
