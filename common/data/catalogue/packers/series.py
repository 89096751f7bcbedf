"""Series: short ones with classes as packages ship them, and the hourly loads of clients."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import track

from common.config.console import Screen
from common.data.catalogue.packers.arrays import Array, find, gzip_bytes, npz_bytes, read_arrays
from common.data.series.readers.labelled import read_ts
from common.errors import DataError

PARTS = ("train", "test")
QUARTER = timedelta(minutes=15)
FIRST_LOAD, FIRST_KEPT = datetime(2011, 1, 1), datetime(2012, 1, 1)
# A client without any load up to this hour after the first is left out.
LAST_START_HOUR = 8_920
# Series ``(steps, channels)`` and the label of each.
Part = tuple[list[Array], Sequence[Any]]


def pack_ts_pair(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs ``NAME_TRAIN.ts`` and ``NAME_TEST.ts``, series padded at their end with NaN.

    Raises:
        DataError: Files that are missing, or what `read_ts` refuses.
    """
    parts: dict[str, Part] = {}
    for part in PARTS:
        series, labels = read_ts(find(originals, f"*_{part.upper()}.ts"))
        parts[part] = ([one.numpy() for one in series], labels)
    return {targets[0]: _labelled(parts)}


def pack_tslearn(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs the one npz of ``X_train``, ``y_train``, ``X_test`` and ``y_test``, classes by number.

    Raises:
        DataError: If it is missing or broken.
    """
    path = find(originals, "*.npz")
    arrays = read_arrays(path, *(f"{kind}_{part}" for kind in "Xy" for part in PARTS))
    parts = {part: (list(arrays[f"X_{part}"]), arrays[f"y_{part}"].tolist()) for part in PARTS}
    return {targets[0]: _labelled(parts)}


def pack_electricity(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs UCI's loads of each quarter of an hour as TS2Vec's CSV: sums of hours, from 2012 on.

    An hour is named by its start, a quarter by its end: 00:15 to 01:00 make the hour 00:00. Sums
    equal TS2Vec's to rounding.

    Raises:
        DataError: A missing file, or the line of what is no number, too few or at another time.
    """
    path = find(originals, "**/LD2011_2014.txt")
    with open(path, encoding="utf-8") as file:
        names = [cell.strip('"') for cell in next(file, "").strip().split(";")[1:]]
        console = Screen(stderr=True)
        groups = track(_hours(path, file, len(names)), "adding up hours", 35_064, console=console)
        loads = np.array(list(groups))
    if len(loads) <= LAST_START_HOUR:
        raise DataError(f"{path}: {len(loads)} hours; the set has four years of them")
    used = np.flatnonzero(loads[: LAST_START_HOUR + 1].sum(0))
    first = (FIRST_KEPT - FIRST_LOAD) // (4 * QUARTER)
    lines = [",".join(["date", *(names[place] for place in used)])]
    for hour, row in enumerate(loads[first:, used].tolist()):
        lines.append(",".join([str(FIRST_KEPT + hour * 4 * QUARTER), *map(repr, row)]))
    return {targets[0]: gzip_bytes("\n".join([*lines, ""]).encode())}


def _hours(path: Path, file: Iterator[str], clients: int) -> Iterator[npt.NDArray[np.float64]]:
    """Yields each hour's sums, ``(clients,)``, of lines with decimal commas."""
    number = 1
    while lines := list(islice(file, 4)):
        total = np.zeros(clients)
        for line in lines:
            time, *cells = line.replace(",", ".").rstrip().split(";")
            expected = FIRST_LOAD + number * QUARTER
            number += 1
            if time.strip('"') != str(expected) or len(cells) != clients:
                raise DataError(
                    f"{path}, line {number}: {len(cells)} loads of {time}; expected {clients} of "
                    f"{expected}"
                )
            try:
                total += np.array(cells, dtype=np.float64)
            except ValueError as error:
                raise DataError(f"{path}, line {number}: {error}") from None
        if len(lines) < 4:
            raise DataError(f"{path}: ends within an hour, in line {number}")
        yield total


def _labelled(parts: Mapping[str, Part]) -> bytes:
    """Returns an npz as the reader `labelled.read_npz` takes it, with true lengths."""
    names = {str(label) for _, labels in parts.values() for label in labels}
    ordered = sorted(names, key=int if all(name.isdigit() for name in names) else str)
    longest = max(len(one) for series, _ in parts.values() for one in series)
    arrays: dict[str, Array] = {}
    for part, (series, labels) in parts.items():
        x = np.full((len(series), longest, series[0].shape[1]), np.nan, dtype=np.float32)
        for row, one in zip(x, series, strict=True):
            row[: len(one)] = one
        arrays[f"x_{part}"] = x
        arrays[f"length_{part}"] = np.array([len(one) for one in series], dtype=np.int32)
        arrays[f"y_{part}"] = np.array([ordered.index(str(n)) for n in labels], dtype=np.int16)
    return npz_bytes(arrays | {"class_names": np.array(ordered)})
