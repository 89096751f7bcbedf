"""A user's volumes with a number each: a CSV that lists ``.npy`` files, as of brain scans."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from common.data.catalogue.packers.arrays import read_array
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.readers.listed import read_listed
from common.data.targets.regression.samples import RegressionSet
from common.errors import DataError


def own_volumes(config: RegressionConfig) -> RegressionSet:
    """Reads the user's CSV ``data.path`` and the volumes that it lists.

    It has the columns ``path``, ``data.target`` and perhaps ``split``.

    Paths are relative to the CSV's folder. A volume is ``(depth, height, width)`` or ``(channels,
    depth, height, width)``, all of one shape: registered and cropped before. Inputs are ``(num,
    channels, depth, height, width)`` float32, all in memory.

    Raises:
        DataError: Missing columns, labels that are no numbers, unknown splits, a volume that
            cannot be read or has another shape; names file and line.
    """
    assert config.path is not None and config.target is not None
    path = Path(config.path).expanduser()
    listed = read_listed(path, config.target)
    volumes = stack_volumes(path, listed.lines, listed.files)
    return RegressionSet(volumes, listed.targets, listed.splits)


def stack_volumes(path: Path, lines: list[int], files: list[Path]) -> Tensor:
    """Returns ``(num, channels, depth, height, width)`` of the files that ``path`` lists.

    Raises:
        DataError: As `own_volumes` of its volumes.
    """
    volumes: list[Tensor] = []
    for number, file in zip(lines, files, strict=True):
        volume = _read(file, f"{path}, line {number}")
        if volumes and volume.shape != volumes[0].shape:
            raise DataError(
                f"{file}: shape {tuple(volume.shape)}, the first volume has "
                f"{tuple(volumes[0].shape)}; bring all to one shape"
            )
        volumes.append(volume)
    return torch.stack(volumes)


def _read(file: Path, where: str) -> Tensor:
    """Returns ``(channels, depth, height, width)`` float32."""
    try:
        array = read_array(file)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    if array.dtype.kind not in "fiu":
        raise DataError(f"{where}: {file} is no .npy of numbers")
    if array.ndim not in (3, 4) or not array.size:
        raise DataError(
            f"{where}: {file} has shape {array.shape}, not (depth, height, width) with or without "
            "channels before"
        )
    volume = torch.from_numpy(array.astype(np.float32))
    return volume if array.ndim == 4 else volume[None]
