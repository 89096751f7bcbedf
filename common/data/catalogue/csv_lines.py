"""CSV files with a header, line by line, so that errors can name the line."""

import csv
import gzip
import math
from pathlib import Path

from common.errors import DataError, suggest

# (line number, cells), the header first.
Lines = list[tuple[int, list[str]]]


def read_lines(path: Path) -> Lines:
    """Returns the lines of a CSV, plain or gzipped; every one as long as the header.

    In a .tsv a tab stands between cells.

    Raises:
        DataError: No such file, no table, a column named twice, or a line of another length.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    tabs = path.name.removesuffix(".gz").lower().endswith(".tsv")
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter="\t" if tabs else ",")
            lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise DataError(f"{path}: not readable as CSV: {error}") from None
    if len(lines) < 3:
        raise DataError(f"{path}: a header and at least two rows are needed")
    header = lines[0][1]
    for place, name in enumerate(header):
        if name in header[:place]:
            raise DataError(f"{path}, line 1: the header names column {name!r} twice")
    for number, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{path}, line {number}: {len(cells)} cells, but the header has {len(header)}"
            )
    return lines


def place_of(path: Path, header: list[str], name: str) -> int:
    """Returns where column ``name`` stands.

    Raises:
        DataError: No such column; with the nearest name.
    """
    if name not in header:
        raise DataError(f"{path}: no column {name!r}{suggest(name, header)}")
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
