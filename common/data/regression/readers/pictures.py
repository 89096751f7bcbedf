"""Pictures in files with a number each, listed in a CSV: AgeDB, IMDB-WIKI, or a user's own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from common.data.csv_lines import Lines, place_of, read_lines, read_numbers
from common.data.pictures.decode import decode
from common.data.regression.config import RegressionConfig
from common.data.regression.readers.tables import NUM_SPLITS, TEST_SHARE
from common.data.regression.samples import TEST, TRAIN, VAL, RegressionSet, random_splits
from common.data.root import require
from common.errors import DataError

ROLES = {"train": TRAIN, "val": VAL, "test": TEST}
MEND = "repair it, or take the line out"
PATH, SPLIT = "path", "split"


class Listed(NamedTuple):
    """Files with a number each, as a CSV lists them.

    ``targets (num,)`` float64; ``splits`` as of `RegressionSet`, fixed random ones where the CSV
    has none; ``lines``: the line of each.
    """

    files: list[Path]
    targets: torch.Tensor
    splits: torch.Tensor
    lines: list[int]


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
    listed = read_listed(path, target)
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda file: _decode(file, size), listed.files))
    return RegressionSet(torch.from_numpy(np.stack(pictures)), listed.targets, listed.splits)


def read_listed(path: Path, target: str) -> Listed:
    """Reads a CSV with the columns ``path``, ``target`` and perhaps ``split``.

    Raises:
        DataError: Missing columns, labels that are no numbers, splits other than train, val and
            test; names file and line.
    """
    lines = read_lines(path)
    place = place_of(path, lines[0][1], PATH)
    y = torch.tensor(read_numbers(path, lines, target, MEND), dtype=torch.float64)
    files = [path.parent / cells[place] for _, cells in lines[1:]]
    return Listed(files, y, _listed_splits(path, lines), [number for number, _ in lines[1:]])


def _listed_splits(path: Path, lines: Lines) -> torch.Tensor:
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
