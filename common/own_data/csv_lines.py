"""CSV files with a header and texts, line by line, so that errors can name the line."""

import codecs
import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from common.errors import DataError, shown, suggest, unreadable

# What a column ``split`` may say. "restval" is of Karpathy's split of COCO.
SPLIT_WORDS = dict.fromkeys(("train", "training", "restval"), "train")
SPLIT_WORDS |= dict.fromkeys(("val", "valid", "validation", "dev"), "val")
SPLIT_WORDS |= dict.fromkeys(("test", "testing"), "test")

# (line number, cells), the header first.
Lines = list[tuple[int, list[str]]]
# What stands in a cell without a value, in small letters.
MISSING = ("", "?", "-", "n/a", "na", "nan", "none", "null")
# 1,002,999 and 1,010.5, or 1.010,5.
THOUSANDS = re.compile(r"[-+]?\d{1,3}((,\d{3})+(\.\d+)?|(\.\d{3})+,\d+)")
COMMAS = "write 3.5 for 3,5, and 10523 for 10,523"  # how numbers with commas are mended
GREATEST = 3.4028234e38  # of float32, in which numbers are trained on
# What a file raises that cannot be read, a gzipped one too.
_FAULTS = (OSError, EOFError, UnicodeDecodeError, zlib.error)
MOST = 2**31 - 1  # nodes and classes are numbered in int32 by some libraries


def read_lines(path: Path, fewest: int = 2) -> Lines:
    """Returns the lines of a CSV, plain or gzipped; every one as long as the header.

    In a .tsv or .inter a tab stands between cells, and a line is a row, whatever quotation marks it
    holds.

    Raises:
        DataError: No such file, no table, a column named twice, or a line of another length.
    """
    lines = list(table_rows(path))
    if len(lines) <= fewest:
        rows = "one row is" if fewest == 1 else "two rows are"
        raise DataError(f"{path}: a header and at least {rows} needed")
    header = lines[0][1]
    check_names(path, header, header)
    for number, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{path}, line {number}: {len(cells)} cells, but the header has {len(header)}"
            )
    return lines


def check_names(path: Path, header: list[str], names: Iterable[str]) -> None:
    """Raises `DataError` where a header names a column of ``names`` twice."""
    for name in names:
        if header.count(name) > 1:
            raise DataError(f"{path}, line 1: the header names column {name!r} twice")


def kind_of(path: Path) -> str:
    """Returns the ending of a file's name, in small letters, without that of a compressed one."""
    return path.name.lower().removesuffix(".gz").rpartition(".")[2]


def table_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields number and cells, without blanks around them, of each line that is not empty.

    Raises:
        DataError: No such file, or unreadable.
    """
    if not path.is_file():
        what = "a folder, where a .csv is needed" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {what}")
    kind = kind_of(path)
    try:
        with _opened(path) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as file:
            rows = _split_at_tabs(file) if kind in ("tsv", "inter") else _quoted_rows(path, file)
            yield from ((number, [cell.strip() for cell in cells]) for number, cells in rows)
    except _FAULTS as error:
        raise unreadable(path, error, ".inter" if kind == "inter" else "CSV") from None


def text_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a UTF-8 text, or a UTF-16 one that says so in its first bytes.

    Raises:
        DataError: No such file, or unreadable.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with _opened(path) as raw:
            wide = raw.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            raw.seek(0)
            encoding = "utf-16" if wide else "utf-8-sig"
            with io.TextIOWrapper(raw, encoding, newline="\n") as file:
                for number, line in enumerate(file, 1):
                    if "\0" in line:
                        raise DataError(f"{path}, line {number}: holds NUL; save it as UTF-8")
                    yield line.rstrip("\r\n")
    except _FAULTS as error:
        raise unreadable(path, error) from None


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    """Opens the bytes of a file, of what it holds where it is gzipped."""
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def _quoted_rows(path: Path, file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields the last line and the cells of each row of a CSV that is not empty.

    Commas stand between cells, or semicolons or tabs where the first line has no comma.

    Raises:
        DataError: A quotation mark opens a cell and does not close it, or closes it in a later
            row; names the line.
    """
    taken: list[str] = []  # the lines of this row
    lines = iter(file)
    head = next(lines, "")
    mark = next((mark for mark in ";\t" if mark in head and "," not in head), ",")
    reader = csv.reader(_kept(chain([head], lines), taken), delimiter=mark)
    first, width = 1, 0
    try:
        for cells in reader:
            width = width or len(cells)
            # A mark that nothing closes would take up all lines to the next one.
            if len(taken) > 1:
                list(csv.reader(taken, delimiter=mark, strict=True))
                _check_rows(path, first, taken, mark, width)
            if cells:
                yield reader.line_num, cells
            first = reader.line_num + 1
            taken.clear()
    except csv.Error as error:
        raise DataError(
            f"{path}, line {first}: not readable as CSV ({error}); a quotation mark that opens a "
            "cell closes it, too"
        ) from None


def _check_rows(path: Path, first: int, lines: list[str], mark: str, width: int) -> None:
    """Raises `DataError` where each line of a row that has several could be a row of its own."""
    alone = (next(csv.reader([line], delimiter=mark), []) for line in lines)
    if width > 1 and all(len(cells) == width for cells in alone):
        raise DataError(
            f"{path}, line {first}: a quotation mark opens a cell up to line "
            f"{first + len(lines) - 1} of whole rows; take it away, or write the cell on one line"
        )


def _kept(file: Iterable[str], taken: list[str]) -> Iterator[str]:
    for line in file:
        taken.append(line)
        yield line


def _split_at_tabs(file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields number and cells of each line; marks around a whole cell are no part of it."""
    for number, line in enumerate(file, 1):
        row = line.rstrip("\r\n")
        try:
            cells = next(csv.reader([row], delimiter="\t", strict=True), [])
        except csv.Error:  # a mark that belongs to the text
            cells = row.split("\t")
        if cells:
            yield number, cells


def to_number(cell: str) -> float | None:
    """Returns the number that a cell holds; None where it is none, infinite or beyond float32."""
    try:
        value = math.nan if "_" in cell else float(cell)  # which reads 2024_01 as 202401
    except ValueError:
        return None
    return value if -GREATEST <= value <= GREATEST else None


def is_comma_number(cell: str) -> bool:
    """Tells whether a cell holds a number, perhaps with a decimal comma or between thousands."""
    return THOUSANDS.fullmatch(cell) is not None or to_number(cell.replace(",", ".")) is not None


def to_count(cell: str) -> int | None:
    """Returns the whole number from 0 that a cell holds; None where it is none, or beyond int32."""
    cell = cell.strip()
    number = int(cell) if cell.isdecimal() and len(cell) <= len(str(MOST)) else -1
    return number if 0 <= number <= MOST else None


def is_unknown(cell: str) -> bool:
    """Tells whether a cell says that a class is not known: it is empty or a negative number."""
    return not cell or re.fullmatch(r"-\d+(\.0*)?", cell) is not None


def place_of(path: Path, header: list[str], name: str) -> int:
    """Returns where column ``name`` stands.

    Raises:
        DataError: No such column; with the nearest name.
    """
    if name not in header:
        raise DataError(f"{path}: no column {name!r}{suggest(name, header)}")
    return header.index(name)


def split_of(where: str, cell: str) -> str:
    """Returns "train", "val" or "test" as ``cell`` says in any case.

    Raises:
        DataError: It says something else; begins with ``where``.
    """
    if (split := SPLIT_WORDS.get(cell.lower())) is None:
        words = ", ".join(SPLIT_WORDS)
        raise DataError(f"{where}: split {shown(cell)} is none of {words}")
    return split


def splits_of(path: Path, lines: Lines) -> list[str] | None:
    """Returns what column ``split`` says of each line; None without one.

    Raises:
        DataError: As `split_of`; names the line.
    """
    place = split_place(lines[0][1])
    if place is None:
        return None
    return [split_of(f"{path}, line {number}", cells[place]) for number, cells in lines[1:]]


def split_place(header: list[str]) -> int | None:
    """Returns where column ``split`` stands, in small letters or capitals; None without one."""
    names = header if "split" in header else [name.lower() for name in header]
    return names.index("split") if "split" in names else None


def read_numbers(
    path: Path, lines: Lines, name: str, mend: str, missing: Collection[str] = ()
) -> list[float]:
    """Returns the numbers of column ``name``, and NaN for cells that hold a word of ``missing``.

    Raises:
        DataError: No such column, or a gap, text or no finite number: with the line, and ``mend``.
    """
    place, numbers = place_of(path, lines[0][1], name), []
    for number, cells in lines[1:]:
        value = math.nan if cells[place].lower() in missing else to_number(cells[place])
        if value is None:
            raise DataError(f"{no_number(path, name, number, cells[place])}; {mend}")
        numbers.append(value)
    return numbers


def no_number(path: Path, column: str, line: int, cell: str) -> str:
    """Returns the words for a cell of a column of numbers that holds none."""
    what = f"holds {shown(cell)}, not a finite number" if cell else "is empty"
    return f"{path}, line {line}: column {column!r} {what}"
