"""A user's own samples for a trained run: a CSV with the run's columns, or an array."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from common.data.catalogue.csv_lines import place_of, read_lines, read_numbers
from common.data.catalogue.packers.arrays import read_arrays
from common.data.tables.readers.files import MEND
from common.data.targets.regression.config import RegressionConfig
from common.errors import DataError


def read_inputs(
    path: Path, shape: tuple[int, ...], columns: tuple[str, ...], config: RegressionConfig
) -> Tensor:
    """Returns inputs ``(num, *shape)``, not yet standardised.

    Args:
        path: ``.npz`` with ``x``, or a CSV with at least the run's columns.
        shape: Of one input of the run.
        columns: The run's columns; categorical ones as ``name=value``.
        config: The run's ``data:`` section.

    Raises:
        DataError: Missing file, columns or array; names the file.
    """
    path = path.expanduser()
    if path.suffix == ".npz":
        return _read_array(path, shape)
    if not columns:
        raise DataError(f"{path}: the columns of this run have no names; give an .npz with `x`")
    lines = read_lines(path)
    header, found = lines[0][1], []
    for name in columns:
        source, _, value = name.partition("=") if name not in header else (name, "", "")
        place = place_of(path, header, source)
        if source in config.categorical or value:
            found.append([float(cells[place] == value) for _, cells in lines[1:]])
        else:
            found.append(read_numbers(path, lines, name, MEND))
    return torch.tensor(found, dtype=torch.float64).T.float()


def _read_array(path: Path, shape: tuple[int, ...]) -> Tensor:
    x = read_arrays(path, "x")["x"]
    if x.shape[1:] != shape or len(x) == 0:
        raise DataError(f"{path}: x has shape {x.shape}; the run needs (num, {shape})")
    if x.dtype.kind not in "fiu" or not np.isfinite(x).all():
        raise DataError(f"{path}: x holds NaN, infinity or something that is no number")
    return torch.from_numpy(x).float()
