"""Tables: scikit-learn's diabetes, packed sets with fixed splits, a user's own CSV."""

from pathlib import Path

import torch
from sklearn.datasets import load_diabetes

from common.data.catalogue.packers.arrays import read_arrays
from common.data.catalogue.root import require
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.readers.listed import listed_splits
from common.data.targets.regression.samples import RegressionSet, random_splits, split_by_masks
from common.errors import DataError
from common.own_data.csv_lines import place_of, read_lines, read_numbers, split_place

MEND = "repair it, or for text use data.categorical (not for the target) or data.drop"


def diabetes(config: RegressionConfig) -> RegressionSet:
    """Returns scikit-learn's diabetes table: 442 rows, 10 columns, labels 25 to 346."""
    table = load_diabetes(scaled=False)
    x, y = torch.from_numpy(table.data), torch.from_numpy(table.target)
    return RegressionSet(x, y, random_splits(len(y)), tuple(table.feature_names))


def packed(config: RegressionConfig) -> RegressionSet:
    """Returns the table ``data.name`` of the data root with its fixed splits.

    Raises:
        DataError: If the file is missing or is no npz of ``x``, ``y`` and ``test_mask``.
    """
    path = require(config.root, f"tabular/{config.name.replace('-', '_')}.npz", config.name)
    x, y, mask = map(torch.from_numpy, read_arrays(path, "x", "y", "test_mask").values())
    return RegressionSet(x.double(), y.double(), split_by_masks(mask))


def abalone(config: RegressionConfig) -> RegressionSet:
    """Returns abalone (rings from sex and 7 measures); it brings no splits, ours are fixed."""
    path = require(config.root, "tabular/abalone.csv.gz", config.name)
    return read_table(path, "Rings", ["Sex"], [])


def own_table(config: RegressionConfig) -> RegressionSet:
    """Returns the user's CSV ``data.path``."""
    assert config.path is not None and config.target is not None
    path = Path(config.path).expanduser()
    return read_table(path, config.target, config.categorical, config.drop)


def read_table(path: Path, target: str, categorical: list[str], drop: list[str]) -> RegressionSet:
    """Reads a CSV with a header.

    A column ``split`` says train, val or test, by a word of `SPLIT_WORDS`. Without it, or if it is
    among ``drop``, there are ten fixed random splits with a tenth for the test.

    Raises:
        DataError: No such file, missing columns, unknown splits, or text where a number should be;
            names file, line and column.
    """
    lines = read_lines(path)
    header = lines[0][1]
    places = {name: place_of(path, header, name) for name in [target, *categorical, *drop]}
    place = split_place(header)
    split = None if place is None or header[place] in places else header[place]
    used = [name for name in header if name not in (target, split, *drop)]
    values = {
        name: read_numbers(path, lines, name, MEND)
        for name in [target, *used]
        if name not in categorical
    }
    names, columns = [], []
    for name in used:
        if name in categorical:
            texts = [cells[places[name]] for _, cells in lines[1:]]
            for text in sorted(set(texts)):
                names.append(f"{name}={text}")
                columns.append([float(own == text) for own in texts])
        else:
            names.append(name)
            columns.append(values[name])
    if not columns:
        raise DataError(f"{path}: no columns beside {target!r} to predict it from")
    x = torch.tensor(columns, dtype=torch.float64).T.contiguous()
    y = torch.tensor(values[target], dtype=torch.float64)
    splits = random_splits(len(y)) if split is None else listed_splits(path, lines)
    return RegressionSet(x, y, splits, tuple(names))
