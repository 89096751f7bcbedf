"""Pairs and triplets of texts in a table, with a score, a class or nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.catalogue.root import data_root, require
from common.data.text.config import TextConfig
from common.data.text.sets import Texts, TextSet, keep_apart
from common.errors import DataError, shown
from common.own_data.csv_lines import Lines, place_of, read_lines, read_numbers, splits_of

OPEN = "stsb-open"
STSB_FILE = "text_sts/stsb_open_subset.csv.gz"
COLUMNS = ("sentence1", "sentence2")
MEND = "take the line out"
NO_CLASS = ("-", "?")


def own_pairs(config: TextConfig) -> TextSet:
    """Reads a user's table; a column ``split`` says which part a line is of, if there is one.

    Held-out pairs with scores are graded pairs.

    Raises:
        DataError: Missing columns, an empty text, a score that is no number; with the line.
    """
    path = Path(str(config.path)).expanduser()
    lines = read_lines(path)
    texts, names = read_pairs_table(path, lines, config.columns, config.target, config.classes)
    parts = split_parts(path, lines, texts) or keep_apart(texts, config.holdout)
    return as_set(path, parts, names)


def stsb_open(config: TextConfig) -> TextSet:
    """Returns STS-B's open part with scores 0 to 5: 2,999 / 625 / 625 pairs.

    The parts of the benchmark with terms of their own are left out, so nothing is comparable with
    published numbers.

    Raises:
        DataError: As `own_pairs`.
    """
    path = require(config.root, STSB_FILE, OPEN)
    lines = read_lines(path)
    texts, names = read_pairs_table(path, lines, COLUMNS, "score")
    return as_set(path, split_parts(path, lines, texts), names)


def graded(config: TextConfig) -> dict[str, Texts]:
    """Returns the graded pairs that ``data.graded`` names; without splits all are both parts.

    Raises:
        DataError: As `own_pairs`.
    """
    assert config.graded is not None
    path = Path(config.graded).expanduser()
    if config.graded == OPEN:
        # data.root may be that of the texts alone, such as Debian's WordNet.
        beside = (data_root(config.root) / STSB_FILE).is_file()
        path = require(config.root if beside else None, STSB_FILE, OPEN)
    lines = read_lines(path)
    texts, _ = read_pairs_table(path, lines, COLUMNS, "score")
    parts = split_parts(path, lines, texts) or {"val": texts, "test": texts}
    return {split: part for split, part in parts.items() if split != "train"}


def as_set(path: Path, parts: Mapping[str, Texts], names: Sequence[str]) -> TextSet:
    """Returns the set; raises `DataError` without a training part.

    Held-out pairs are graded by their scores, or by the numbers of their classes.
    """
    if "train" not in parts:
        raise DataError(f"{path}: its column split says train of no line")
    train = parts["train"]
    held_out = {split: part for split, part in parts.items() if split != "train"}
    graded = held_out if train.targets is not None and len(train.columns) == 2 else {}
    if graded and not names:
        return TextSet(train, graded=graded)
    return TextSet(train, held_out=held_out, graded=graded, names=names)


def read_pairs_table(
    path: Path, lines: Lines, columns: Sequence[str], target: str | None, classes: bool = False
) -> tuple[Texts, list[str]]:
    """Returns all lines as samples, and the names of classes.

    Args:
        path: To be named.
        lines: Lines of the table, the header first.
        columns: Columns of texts.
        target: Column of scores or classes; None: there are none.
        classes: Whether targets are classes.

    Raises:
        DataError: Missing columns, an empty text, a score that is no number; with the line.
    """
    header = lines[0][1]
    texts = tuple(_column(path, lines, name) for name in columns)
    subsets = [cells[header.index("genre")] for _, cells in lines[1:]] if "genre" in header else []
    if target is None:
        return Texts(texts, None, subsets), []
    if not classes:
        numbers: NDArray = np.array(read_numbers(path, lines, target, MEND))
        return Texts(texts, numbers, subsets), []
    refuse_unlabelled(path, lines, target)
    names, numbers = np.unique(_column(path, lines, target), return_inverse=True)
    return Texts(texts, numbers.astype(np.int64), subsets), names.tolist()


def refuse_unlabelled(path: Path, lines: Lines, name: str) -> None:
    """Raises `DataError` where a cell of column ``name`` says that no class is known.

    SNLI has a hyphen there, in two lines of a hundred.
    """
    place = place_of(path, lines[0][1], name)
    found = [(number, cells[place]) for number, cells in lines[1:] if cells[place] in NO_CLASS]
    if found:
        number, cell = found[0]
        raise DataError(
            f"{path}, line {number}: column {name!r} holds {shown(cell)}, which is no class, as "
            f"{len(found):,} of {len(lines) - 1:,} lines; take the lines out"
        )


def split_parts(path: Path, lines: Lines, texts: Texts) -> dict[str, Texts]:
    """Returns the parts that column ``split`` names, none if there is no such column.

    Raises:
        DataError: A split that is none; names the line.
    """
    rows: dict[str, list[int]] = {}
    for row, split in enumerate(splits_of(path, lines) or ()):
        rows.setdefault(split, []).append(row)
    return {split: texts.rows(own) for split, own in rows.items()}


def _column(path: Path, lines: Lines, name: str) -> list[str]:
    place = place_of(path, lines[0][1], name)
    texts = []
    for number, cells in lines[1:]:
        if not cells[place]:
            raise DataError(f"{path}, line {number}: column {name!r} is empty; {MEND}")
        texts.append(" ".join(cells[place].split()))
    return texts
