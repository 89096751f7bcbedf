"""C-MAPSS FD001: windows of engine sensors, labelled with the cycles left."""

from typing import Any

import numpy as np
import torch

from common.data.catalogue.packers.arrays import read_arrays
from common.data.catalogue.root import require
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.samples import TEST, TRAIN, RegressionSet
from common.errors import ConfigError

# Columns: unit, cycle, 3 settings, 21 sensors.
UNIT, FIRST_INPUT = 0, 2


def cmapss_fd001(config: RegressionConfig) -> RegressionSet:
    """Returns windows ``(num, 24, window)``; training: each cycle's, test: each engine's last.

    The label is the number of cycles left, at most ``data.label_cap``. Windows of one engine
    overlap, and those of the hold-out overlap with training windows: choose nothing fine by it.

    Raises:
        DataError: If the file is missing or broken.
        ConfigError: If a test series is shorter than a window.
    """
    path = require(config.root, "timeseries/cmapss_fd001/fd001.npz", config.name)
    train, test, left = read_arrays(path, "train", "test", "rul_test").values()
    windows: list[Any] = []
    labels: list[float] = []
    roles: list[int] = []
    for series in _by_unit(train, config.window):
        cut = np.lib.stride_tricks.sliding_window_view(series[:, FIRST_INPUT:], config.window, 0)
        windows.append(cut)
        labels += list(range(len(cut) - 1, -1, -1))
        roles += [TRAIN] * len(cut)
    for series, rest in zip(_by_unit(test, config.window), left, strict=True):
        windows.append(series[-config.window :, FIRST_INPUT:].T[None])
        labels.append(float(rest))
        roles.append(TEST)
    x = torch.from_numpy(np.concatenate(windows))
    y = torch.tensor(labels, dtype=torch.float64).clamp(max=config.label_cap)
    return RegressionSet(x, y, torch.tensor([roles], dtype=torch.int8))


def _by_unit(rows: Any, window: int) -> list[Any]:
    series = [rows[rows[:, UNIT] == unit] for unit in np.unique(rows[:, UNIT])]
    shortest = min(map(len, series))
    if shortest < window:
        raise ConfigError(
            f"data.window={window}: the shortest series of cmapss-fd001 has {shortest} cycles"
        )
    return series
