"""A user's own samples for a trained run: a CSV with the run's columns, images, or an array."""

import math
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.data.catalogue.packers.arrays import read_rows
from common.data.images.readers.folders import list_folder
from common.data.images.readers.numbered import decode_all
from common.data.tables.readers.files import MEND
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.readers.listed import list_files, path_place
from common.data.volumes.readers.files import stack_volumes
from common.errors import DataError
from common.own_data.csv_lines import Lines, place_of, read_lines, read_numbers


def read_inputs(
    path: Path, shape: tuple[int, ...], columns: tuple[str, ...], config: RegressionConfig
) -> tuple[Tensor, dict[str, Any]]:
    """Reads inputs ``(num, *shape)``, not yet standardised.

    Args:
        path: ``.npz`` with ``x`` and perhaps ``ids`` and ``labels``, or a CSV with at least the
            run's columns. Of a run on colour images: a folder of them, or a CSV with ``path``,
            which also lists volumes.
        shape: Shape of one input of the run.
        columns: The run's columns; categorical ones as ``name=value``.
        config: The run's ``data:`` section.

    A value of a categorical column that training did not know is told in a warning; it has 0 in all
    columns of that one.

    Returns:
        The inputs, and what is known of them, ``(num,)`` each: ``ids``, the CSV's column ``id``
        unless it is an input; ``labels``, its column ``data.target``, NaN where a cell is empty.

    Raises:
        DataError: Missing file, columns or array; names the file.
    """
    path = path.expanduser()
    if path.suffix == ".npz":
        return _read_array(path, shape)
    if not columns and len(shape) == 3 and shape[0] == 3:
        return _read_images(path, shape[1], config)
    if not columns and len(shape) == 4:
        return _read_volumes(path, shape, config)
    if not columns:
        raise DataError(f"{path}: the columns of this run have no names; give an .npz with `x`")
    lines = read_lines(path, 1)
    header, found = lines[0][1], []
    values: dict[str, set[str]] = {}
    for name in columns:
        source, _, value = name.partition("=") if name not in header else (name, "", "")
        place = place_of(path, header, source)
        if source in config.categorical or value:
            found.append([float(cells[place] == value) for _, cells in lines[1:]])
            values.setdefault(source, set()).add(value)
        else:
            found.append(read_numbers(path, lines, name, MEND))
    for source, seen in values.items():
        _say_unseen(path, lines, source, seen)
    return torch.tensor(found, dtype=torch.float64).T.float(), _known(path, lines, columns, config)


def _say_unseen(path: Path, lines: Lines, column: str, seen: set[str]) -> None:
    place = lines[0][1].index(column)
    unseen = Counter(cells[place] for _, cells in lines[1:] if cells[place] not in seen)
    if unseen:
        named = ", ".join(value or "an empty cell" for value, _ in unseen.most_common(5))
        named += ", ..." if len(unseen) > 5 else ""
        warnings.warn(
            f"{path}: {column}: {unseen.total()} of {len(lines) - 1} rows have a value that "
            f"training did not know ({named}); the encoder sees none there",
            stacklevel=4,
        )


def _read_images(
    path: Path, size: int, config: RegressionConfig
) -> tuple[Tensor, dict[str, NDArray[Any]]]:
    if path.is_dir():
        names = [os.fsdecode(name) for name in list_folder(path).names]
        return decode_all([path / name for name in names], size), {"ids": np.array(names)}
    lines = read_lines(path, 1)
    return decode_all(list_files(path, lines), size), _listed(path, lines, config)


def _read_volumes(
    path: Path, shape: tuple[int, ...], config: RegressionConfig
) -> tuple[Tensor, dict[str, NDArray[Any]]]:
    lines = read_lines(path, 1)
    files = list_files(path, lines)
    volumes = stack_volumes(path, [number for number, _ in lines[1:]], files)
    if volumes.shape[1:] != shape:
        raise DataError(f"{path}: volumes have {tuple(volumes.shape[1:])}; the run needs {shape}")
    return volumes, _listed(path, lines, config)


def _listed(path: Path, lines: Lines, config: RegressionConfig) -> dict[str, NDArray[Any]]:
    place = path_place(path, lines[0][1])
    names = [cells[place] for _, cells in lines[1:]]
    return {"ids": np.array(names), **_known(path, lines, (), config)}


def _known(
    path: Path, lines: Lines, columns: tuple[str, ...], config: RegressionConfig
) -> dict[str, NDArray[Any]]:
    header, known = lines[0][1], dict[str, NDArray[Any]]()
    if "id" in header and "id" not in columns:
        place = header.index("id")
        known["ids"] = np.array([cells[place] for _, cells in lines[1:]], dtype=np.str_)
    if config.target is not None and config.target in header:
        place = header.index(config.target)
        given = [lines[0], *(line for line in lines[1:] if line[1][place])]
        labels = iter(read_numbers(path, given, config.target, MEND))
        known["labels"] = np.array(
            [next(labels) if cells[place] else math.nan for _, cells in lines[1:]]
        )
    return known


def _read_array(path: Path, shape: tuple[int, ...]) -> tuple[Tensor, dict[str, Any]]:
    x, known = read_rows(path, "x")
    if x.shape[1:] != shape or len(x) == 0:
        raise DataError(f"{path}: x has shape {x.shape}; the run needs (num, {shape})")
    if x.dtype.kind not in "fiu" or not np.isfinite(x.astype(np.float32)).all():
        raise DataError(f"{path}: x holds NaN, infinity or something that is no number of float32")
    return torch.from_numpy(x).float(), known
