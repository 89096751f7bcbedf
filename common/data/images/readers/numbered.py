"""Images in files with a number each, listed in a CSV: AgeDB, IMDB-WIKI, or a user's own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from common.data.catalogue.root import require
from common.data.images.lazy import decode
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.readers.listed import read_listed
from common.data.targets.regression.samples import RegressionSet


def agedb(config: RegressionConfig) -> RegressionSet:
    """Reads ``agedb/agedb.csv`` of the data root (Yang et al. 2021: age, path, split)."""
    return read_numbered(require(config.root, "agedb/agedb.csv", "agedb"), "age", config.size)


def imdb_wiki(config: RegressionConfig) -> RegressionSet:
    """Reads ``imdb-wiki/imdb_wiki.csv`` of the data root, of the same form."""
    path = require(config.root, "imdb-wiki/imdb_wiki.csv", "imdb-wiki")
    return read_numbered(path, "age", config.size)


def own_images(config: RegressionConfig) -> RegressionSet:
    """Reads the user's CSV ``data.path``; labels are in the column ``data.target``."""
    assert config.path is not None and config.target is not None
    return read_numbered(Path(config.path).expanduser(), config.target, config.size)


def read_numbered(path: Path, target: str, size: int) -> RegressionSet:
    """Reads a CSV with the columns ``path``, ``target`` and perhaps ``split``, and its images.

    Paths are relative to the CSV's folder; images are scaled to ``size`` x ``size``, as the
    authors' loaders do. Without ``split`` there are fixed random splits.

    Raises:
        DataError: Missing columns, labels that are no numbers, splits other than train, val and
            test, or images that cannot be read; names file and line.
    """
    listed = read_listed(path, target)
    return RegressionSet(decode_all(listed.files, size), listed.targets, listed.splits)


def decode_all(files: list[Path], size: int) -> torch.Tensor:
    """Returns the images scaled, ``(num, 3, size, size)`` uint8."""
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda file: _decode(file, size), files))
    return torch.from_numpy(np.stack(images))


def _decode(path: Path, size: int) -> np.ndarray:
    """Returns ``(3, size, size)`` uint8."""
    image = decode(path, str(path)).convert("RGB")
    scaled = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(scaled).transpose(2, 0, 1)
