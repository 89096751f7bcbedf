"""Sets packed as encoded pictures end to end (``jpeg`` and ``offsets`` in one npz)."""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from common.data.pictures.sets import PictureSet, Split
from common.data.root import require
from common.errors import DataError


def cifar10_jpeg(root: str | None = None) -> PictureSet:
    """Reads CIFAR-10 in its JPEG copy: 50,000 and 10,000 pictures (3, 32, 32).

    LOSSY: what is measured on it is not comparable with figures on the original.

    Args:
        root: The recipe's ``data.root``.
    """
    files = {name: f"cifar10_jpeg/{name}.npz" for name in ("train", "test")}
    return {name: read_packed(require(root, relative)) for name, relative in files.items()}


def read_packed(path: Path) -> Split:
    """Decodes all pictures of ``path``, which must be of one size, to uint8 in memory.

    Raises:
        DataError: Naming the file, and the picture that cannot be decoded or differs in size.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            blob, offsets, labels = file["jpeg"].tobytes(), file["offsets"], file["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a set of packed pictures: {error}") from None
    if len(offsets) != len(labels) + 1 or (len(offsets) and offsets[-1] > len(blob)):
        raise DataError(f"{path}: offsets do not fit {len(labels)} labels and {len(blob)} bytes")
    pictures: np.ndarray | None = None
    for number in range(len(labels)):
        decoded = _decode(blob[offsets[number] : offsets[number + 1]], path, number)
        if pictures is None:
            pictures = np.empty((len(labels), *decoded.shape), np.uint8)
        if decoded.shape != pictures.shape[1:]:
            expected = pictures.shape[1:]
            raise DataError(f"{path}: picture {number} is {decoded.shape}, not {expected}")
        pictures[number] = decoded
    if pictures is None:
        raise DataError(f"{path}: holds no picture")
    return Split(torch.from_numpy(pictures), torch.from_numpy(labels.astype(np.int64)))


def _decode(data: bytes, path: Path, number: int) -> np.ndarray:
    """Returns (3, height, width) uint8."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{path}: picture {number} cannot be decoded: {error}") from None
