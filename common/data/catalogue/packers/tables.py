"""Regression tables with fixed splits, as benchmark repositories lay them out."""

from pathlib import Path
from typing import Any

import numpy as np

from common.data.catalogue.packers.arrays import BROKEN, npz_bytes, read_content
from common.errors import DataError


def pack_gal_table(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs ``data.txt`` with its ``index_*.txt``: columns of inputs, of the label, test rows.

    Raises:
        DataError: Files that are missing or hold no numbers, or rows that are not there.
    """
    data = _numbers(originals / "data.txt")
    features, target = (_indices(originals / f"index_{n}.txt") for n in ("features", "target"))
    count = len(list(originals.glob("index_test_*.txt")))
    if count == 0 or len(target) != 1 or max([*features, *target]) >= data.shape[1]:
        raise DataError(f"{originals}: no splits, or columns that data.txt does not have")
    mask = np.zeros((count, len(data)), dtype=bool)
    for split in range(count):
        path = originals / f"index_test_{split}.txt"
        rows = _indices(path)
        if rows.size and rows.max() >= len(data):
            raise DataError(f"{path}: row {rows.max()} of {len(data)}")
        mask[split, rows] = True
    arrays = {"x": data[:, features], "y": data[:, target[0]], "test_mask": mask}
    return {targets[0]: npz_bytes(arrays)}


def pack_masked_table(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs ``data.csv.gz``, the label last, and ``test_mask.csv.gz``, a column a split.

    Raises:
        DataError: Files that are missing, hold no numbers or differ in length.
    """
    data = _numbers(originals / "data.csv.gz", ",")
    mask = _numbers(originals / "test_mask.csv.gz", ",").T != 0
    if mask.shape[1] != len(data):
        raise DataError(f"{originals}: {len(data)} rows, but masks of {mask.shape[1]}")
    return {targets[0]: npz_bytes({"x": data[:, :-1], "y": data[:, -1], "test_mask": mask})}


def pack_engines(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs C-MAPSS's three texts of FD001, with or without a line of names.

    Raises:
        DataError: Files that are missing or hold no numbers.
    """
    settings, sensors = (range(1, count + 1) for count in (3, 21))
    columns = ["unit_number", "time", *(f"opt_set{n}" for n in settings)]
    columns += [f"s{n}" for n in sensors]
    arrays = {
        "train": _numbers(originals / "train_FD001.txt"),
        "test": _numbers(originals / "test_FD001.txt"),
        "rul_test": _numbers(originals / "RUL_FD001.txt")[:, 0].astype(np.int32),
        "column_names": np.array(columns),
    }
    return {targets[0]: npz_bytes(arrays)}


def _numbers(path: Path, separator: str | None = None) -> Any:
    """Returns a text's numbers, ``(lines, columns)`` in float64; a line of names is skipped."""
    try:
        lines = read_content(path).decode().splitlines()
        named = bool(lines) and lines[0][:1].isalpha()
        return np.loadtxt(lines[named:], delimiter=separator, ndmin=2)
    except BROKEN as error:
        raise DataError(f"{path}: not a table of numbers: {error}") from None


def _indices(path: Path) -> Any:
    return _numbers(path).ravel().astype(np.int64)
