"""Rows and answers of the user's own."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.data.catalogue.packers.arrays import read_rows as read_array
from common.errors import DataError
from common.own_data.csv_lines import place_of, read_lines, read_numbers
from papers.sirl.data_config import TrajectoryConfig
from papers.sirl.rows import TrajectorySet

ID, ANSWER = "id", ("first", "second", "odd")
MEND = "repair it, or take the column out"


def answered_table(config: TrajectoryConfig) -> TrajectorySet:
    """Returns the user's rows, ``data.path``, and the answers about them, ``data.answers_path``.

    Raises:
        DataError: Missing files or columns, text where a number should be, an answer about a row
            that is not there or about one row twice, fewer than two answers; names file and line.
    """
    assert config.path is not None and config.answers_path is not None
    rows, columns, ids = read_table(Path(config.path).expanduser())
    names = ids or [str(number) for number in range(len(rows))]
    answered = _read_answers(Path(config.answers_path).expanduser(), names)
    return TrajectorySet(rows, torch.zeros(len(rows), dtype=torch.bool), None, answered, columns)


def read_table(path: Path) -> tuple[Tensor, tuple[str, ...], list[str]]:
    """Returns the rows of a CSV in float64, the names of its columns, and its ids, if any.

    Raises:
        DataError: No such file, no columns, text where a number should be, or an id twice.
    """
    lines = read_lines(path)
    columns = tuple(name for name in lines[0][1] if name != ID)
    if not columns:
        raise DataError(f"{path}: no columns of numbers")
    numbers = [read_numbers(path, lines, name, MEND) for name in columns]
    ids = []
    if ID in lines[0][1]:
        place = place_of(path, lines[0][1], ID)
        ids = [cells[place] for _, cells in lines[1:]]
        if len(set(ids)) < len(ids):
            twice = next(name for name in ids if ids.count(name) > 1)
            raise DataError(f"{path}: id {twice!r} stands in two lines; make each its own")
    return torch.tensor(numbers, dtype=torch.float64).T.contiguous(), columns, ids


def _read_answers(path: Path, names: list[str]) -> Tensor:
    lines = read_lines(path)
    places = [place_of(path, lines[0][1], name) for name in ANSWER]
    known = {name: number for number, name in enumerate(names)}
    found = []
    for number, cells in lines[1:]:
        asked = [cells[place] for place in places]
        for name in asked:
            if name not in known:
                raise DataError(f"{path}, line {number}: there is no row {name!r} in data.path")
        if len(set(asked)) < len(asked):
            raise DataError(f"{path}, line {number}: a row is named twice; a query has three")
        found.append([known[name] for name in asked])
    return torch.tensor(found)


def read_rows(
    path: Path, num_columns: int, columns: tuple[str, ...]
) -> tuple[Tensor, dict[str, Any]]:
    """Reads rows to embed: a CSV with at least the run's columns, or ``.npz`` with ``x``.

    Args:
        path: The file.
        num_columns: Columns of the run.
        columns: Their names; in a CSV they may stand in any order.

    Returns:
        The rows ``(num, columns)`` in float64, and ``ids (num,)`` where they are known.

    Raises:
        DataError: Missing file, columns or array; names the file.
    """
    path = path.expanduser()
    if path.suffix == ".npz":
        x, known = read_array(path, "x")
        if x.shape[1:] != (num_columns,) or len(x) == 0:
            raise DataError(f"{path}: x has shape {x.shape}; the run needs (rows, {num_columns})")
        if x.dtype.kind not in "fiu" or not np.isfinite(x).all():
            raise DataError(f"{path}: x holds NaN, infinity or something that is no number")
        return torch.from_numpy(x).double(), known
    lines = read_lines(path)
    numbers = [read_numbers(path, lines, name, MEND) for name in columns]
    ids = {}
    if ID in lines[0][1]:
        place = place_of(path, lines[0][1], ID)
        ids = {"ids": np.array([cells[place] for _, cells in lines[1:]], dtype=np.str_)}
    return torch.tensor(numbers, dtype=torch.float64).T.contiguous(), ids
