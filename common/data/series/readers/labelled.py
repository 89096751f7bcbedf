"""Short series with classes: the archive's sets as npz, and its ``.ts`` files."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from common.data.catalogue.packers.arrays import read_arrays, read_rows
from common.data.catalogue.root import require
from common.data.series.config import SeriesConfig
from common.data.series.sets import LabelledSeries
from common.errors import DataError
from common.own_data.csv_lines import kind_of, text_lines

# Names in recipes -> names in the archive.
ARCHIVE = {
    "acsf1": "ACSF1",
    "arrow-head": "ArrowHead",
    "basic-motions": "BasicMotions",
    "coffee": "Coffee",
    "gun-point": "GunPoint",
    "italy-power-demand": "ItalyPowerDemand",
    "japanese-vowels": "JapaneseVowels",
    "osu-leaf": "OSULeaf",
    "pickup-gesture": "PickupGestureWiimoteZ",
    "plaid": "PLAID",
    "trace": "Trace",
}
# Lines of a .ts file's header, in small letters.
NOT_READ = {
    "@timestamps true": "series with time stamps",
    "@classlabel false": "series without classes",
    "@targetlabel true": "series with numbers for labels (regression)",
}


def archived(config: SeriesConfig) -> LabelledSeries:
    """Returns the set ``data.name`` of the data root with its official split."""
    file = f"timeseries/uea_ucr/{ARCHIVE[config.name]}.npz"
    return read_npz(require(config.root, file, config.name))


def own_labelled(config: SeriesConfig) -> LabelledSeries:
    """Returns the user's set: an npz as the archive's are packed, or a pair of ``.ts`` files."""
    assert config.path is not None
    path = Path(config.path).expanduser()
    return read_npz(path) if kind_of(path) == "npz" else read_ts_pair(path)


def read_npz(path: Path) -> LabelledSeries:
    """Reads ``x_train``, ``y_train``, ``x_test``, ``y_test`` and perhaps ``class_names``.

    ``x``: (num, steps, channels), NaN where there is nothing; ``y``: class numbers, from 0 with
    ``class_names``; without them any whole numbers (1 to 3, or -1 and 1), which are then the names.
    Series of the part with fewer steps are padded with NaN.

    Raises:
        DataError: Missing or broken files and arrays, labels that are no class numbers.
    """
    arrays = read_arrays(path)
    x, y = {}, {}
    for part in ("train", "test"):
        for kind in ("x", "y"):
            if f"{kind}_{part}" not in arrays:
                raise DataError(f"{path}: no array {kind}_{part}; it holds {', '.join(arrays)}")
        values, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if values.ndim != 3 or values.dtype.kind not in "fiu" or labels.shape != values.shape[:1]:
            raise DataError(
                f"{path}: x_{part} {values.shape} must be numbers (num, steps, channels), y_{part} "
                f"{labels.shape} as long"
            )
        if labels.dtype.kind not in "iu":
            raise DataError(f"{path}: y_{part} must be class numbers; these are no classes")
        x[part], y[part] = torch.from_numpy(values).float(), labels.astype(np.int64)
    return LabelledSeries(_equally_long(x), *_classes(path, y, arrays.get("class_names")))


def _equally_long(x: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the parts with the shorter ones padded at their end with NaN."""
    longest = max(values.shape[1] for values in x.values())
    return {
        part: torch.nn.functional.pad(values, (0, 0, 0, longest - values.shape[1]), value=math.nan)
        for part, values in x.items()
    }


def read_unlabelled(path: Path, channels: int) -> tuple[Tensor, dict[str, Any]]:
    """Reads ``x`` of an npz or the series of a ``.ts`` file, ``(num, steps, channels)``.

    Returns:
        The series, and what is known of them: ``ids`` and ``labels`` of the npz, or the labels of
        the ``.ts`` file.

    Raises:
        DataError: Nothing to read, or other channels; a series without any value, or with infinity.
    """
    if path.suffix == ".ts":
        series, labels = read_ts(path)
        x = pad_sequence(series, batch_first=True, padding_value=math.nan)
        known = {"labels": np.array(labels)}
    else:
        values, known = read_rows(path, "x")
        if values.ndim != 3 or values.dtype.kind not in "fiu":
            raise DataError(f"{path}: needs an array `x` of numbers (num, steps, channels)")
        x = torch.from_numpy(values).float()
    if x.shape[2] != channels or len(x) == 0:
        raise DataError(f"{path}: {tuple(x.shape)}; the run needs (num, steps, {channels})")
    if x.isinf().any() or x.isnan().flatten(1).all(1).any():
        raise DataError(f"{path}: holds infinity or a series without any value")
    return x, known


def _classes(
    path: Path, y: dict[str, Any], names: Any
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Returns class numbers from 0 and what they are called, as `read_npz` says."""
    used = np.unique(np.concatenate(list(y.values())))
    if names is None:
        names, y = used, {part: np.searchsorted(used, labels) for part, labels in y.items()}
    elif len(used) and not 0 <= used[0] <= used[-1] < names.size:
        strange = used[0] if used[0] < 0 else used[-1]
        raise DataError(f"{path}: class {strange}, but class_names has {names.size}, from 0 on")
    numbers = {part: torch.from_numpy(labels) for part, labels in y.items()}
    return numbers, tuple(map(str, names.ravel().tolist()))


def read_ts_pair(path: Path) -> LabelledSeries:
    """Reads ``NAME_TRAIN.ts`` and the ``NAME_TEST.ts`` beside it.

    Raises:
        DataError: Another name, a missing file, or what `read_ts` refuses.
    """
    if not path.name.endswith("_TRAIN.ts"):
        raise DataError(f"{path}: give an .npz, or NAME_TRAIN.ts with NAME_TEST.ts beside it")
    found = {
        "train": read_ts(path),
        "test": read_ts(path.with_name(path.name.replace("_TRAIN.ts", "_TEST.ts"))),
    }
    names = sorted({label for _, labels in found.values() for label in labels})
    x, y = {}, {}
    for part, (series, labels) in found.items():
        x[part] = pad_sequence(series, batch_first=True, padding_value=math.nan)
        y[part] = torch.tensor([names.index(label) for label in labels])
    return LabelledSeries(_equally_long(x), y, tuple(names))


def read_ts(path: Path) -> tuple[list[Tensor], list[str]]:
    """Returns series ``(steps, channels)`` and labels of a ``.ts`` file of the UEA archive.

    After ``@data`` a line a series: channels parted by colons, values by commas, ``?`` for a gap,
    the label last.

    Raises:
        DataError: With the line of what is not so; neither time stamps nor series without classes
            are read.
    """
    series, labels, in_data, channels = [], [], False, 0
    for number, line in enumerate(text_lines(path), 1):
        text = line.strip()
        _check_header(path, number, text)
        if not in_data or not text:
            in_data = in_data or text.lower() == "@data"
            continue
        *parts, label = text.split(":")
        if not parts:
            raise DataError(f"{path}, line {number}: no colon; a label stands after the last one")
        channels = channels or len(parts)
        if len(parts) != channels:
            raise DataError(f"{path}, line {number}: {len(parts)} channels, not {channels}")
        series.append(_values(path, number, parts))
        labels.append(label.strip())
    if not series:
        raise DataError(f"{path}: no series after @data")
    return series, labels


def _check_header(path: Path, number: int, text: str) -> None:
    """Raises `DataError` for a line of the header that says what is not read."""
    for begin, what in NOT_READ.items():
        if text.lower().split()[:2] == begin.split():
            raise DataError(f"{path}, line {number}: {what} are not read ({begin})")


def _values(path: Path, number: int, parts: list[str]) -> Tensor:
    try:
        rows: list[Any] = [
            torch.tensor([math.nan if cell == "?" else float(cell) for cell in part.split(",")])
            for part in (part.replace(" ", "") for part in parts)
        ]
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}") from None
    return pad_sequence(rows, padding_value=math.nan)
