"""Pictures in files with a number each, listed in a CSV: AgeDB, IMDB-WIKI, or a user's own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from common.data.pictures.own import decode
from common.data.regression.config import RegressionConfig
from common.data.regression.samples import TEST, TRAIN, VAL, RegressionSet, random_splits
from common.data.regression.tables import NUM_SPLITS, TEST_SHARE, column, read_lines
from common.data.root import require
from common.errors import DataError, suggest

ROLES = {"train": TRAIN, "val": VAL, "test": TEST}
PATH, SPLIT = "path", "split"


def agedb(config: RegressionConfig) -> RegressionSet:
    """Reads ``agedb/agedb.csv`` of the data root (Yang et al. 2021: age, path, split)."""
    return read_pictures(require(config.root, "agedb/agedb.csv", "agedb"), "age", config.size)


def imdb_wiki(config: RegressionConfig) -> RegressionSet:
    """Reads ``imdb-wiki/imdb_wiki.csv`` of the data root, of the same form."""
    path = require(config.root, "imdb-wiki/imdb_wiki.csv", "imdb-wiki")
    return read_pictures(path, "age", config.size)


def own_pictures(config: RegressionConfig) -> RegressionSet:
    """Reads the user's CSV ``data.path``; labels are in the column ``data.target``."""
    assert config.path is not None and config.target is not None
    return read_pictures(Path(config.path).expanduser(), config.target, config.size)


def read_pictures(path: Path, target: str, size: int) -> RegressionSet:
    """Reads a CSV with the columns ``path``, ``target`` and perhaps ``split``, and its pictures.

    Paths are relative to the CSV's folder; pictures are scaled to ``size`` x ``size``, as the
    authors' loaders do. Without ``split`` there are fixed random splits.

    Raises:
        DataError: Missing columns, labels that are no numbers, splits other than train, val and
            test, or pictures that cannot be read; names file and line.
    """
    lines = read_lines(path)
    header = lines[0][1]
    for name in (PATH, target):
        if name not in header:
            raise DataError(f"{path}: no column {name!r}{suggest(name, header)}")
    y = torch.tensor(column(path, lines, target), dtype=torch.float64)
    place = header.index(PATH)
    names = [cells[place] for _, cells in lines[1:]]
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda name: _decode(path.parent / name, size), names))
    return RegressionSet(torch.from_numpy(np.stack(pictures)), y, listed_splits(path, lines))


def listed_splits(path: Path, lines: list[tuple[int, list[str]]]) -> torch.Tensor:
    """Returns `RegressionSet.splits` by the CSV's column ``split``, or fixed random ones.

    Raises:
        DataError: Splits other than train, val and test.
    """
    if SPLIT not in lines[0][1]:
        return random_splits(len(lines) - 1, NUM_SPLITS, TEST_SHARE)
    place = lines[0][1].index(SPLIT)
    roles = []
    for number, cells in lines[1:]:
        if cells[place] not in ROLES:
            raise DataError(
                f"{path}, line {number}: split {cells[place]!r} is not train, val or test"
            )
        roles.append(ROLES[cells[place]])
    return torch.tensor([roles], dtype=torch.int8)


def _decode(path: Path, size: int) -> np.ndarray:
    """Returns ``(3, size, size)`` uint8."""
    picture = decode(path, str(path)).convert("RGB")
    scaled = picture.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(scaled).transpose(2, 0, 1)
