"""Files with a number each, as a CSV lists them."""

import os
from pathlib import Path
from typing import NamedTuple

import torch

from common.data.images.readers.folders import warn_outside
from common.data.targets.regression.samples import TEST, TRAIN, VAL, random_splits
from common.errors import DataError, shown
from common.own_data.csv_lines import Lines, place_of, read_lines, read_numbers, splits_of

ROLES = {"train": TRAIN, "val": VAL, "test": TEST}
MEND = "repair it, or take the line out"


class ListedLines(NamedTuple):
    """The lines of such a CSV.

    ``targets (num,)`` float64; ``splits`` as of `RegressionSet`, fixed random ones where the CSV
    has none; ``lines``: the line of each.
    """

    files: list[Path]
    targets: torch.Tensor
    splits: torch.Tensor
    lines: list[int]


def read_listed(path: Path, target: str) -> ListedLines:
    """Reads a CSV with a column ``target``, and ``path`` and perhaps ``split`` in any case.

    Raises:
        DataError: Missing columns, labels that are no numbers, splits other than train, val and
            test; names file and line.
    """
    lines = read_lines(path)
    y = torch.tensor(read_numbers(path, lines, target, MEND), dtype=torch.float64)
    return ListedLines(
        list_files(path, lines), y, listed_splits(path, lines), [number for number, _ in lines[1:]]
    )


def path_place(path: Path, header: list[str]) -> int:
    """Returns where column ``path`` stands, in any case; raises `DataError` without one."""
    return place_of(path, [name.lower() for name in header], "path")


def list_files(path: Path, lines: Lines) -> list[Path]:
    """Returns the files that the lines name, relative to the folder of ``path``.

    Raises:
        DataError: No column ``path``, or no such file; names the line.
    """
    place = path_place(path, lines[0][1])
    for number, cells in lines[1:]:
        if not os.path.isfile(path.parent / cells[place]):
            raise DataError(
                f"{path}, line {number}: there is no file {shown(cells[place])} in {path.parent}; "
                f"{MEND}"
            )
    names = [cells[place] for _, cells in lines[1:]]
    warn_outside(path, path.parent, names)
    return [path.parent / name for name in names]


def listed_splits(path: Path, lines: Lines) -> torch.Tensor:
    """Returns the splits as of `RegressionSet`; raises `DataError` that names the line."""
    splits = splits_of(path, lines)
    if splits is None:
        return random_splits(len(lines) - 1)
    return torch.tensor([[ROLES[split] for split in splits]], dtype=torch.int8)
