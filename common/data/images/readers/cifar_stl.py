"""Sets read from the plain binary files of their publishers' archives, as they unpack.

No pickle is needed; `papers data prepare` puts the files into the data root, and so does whoever
unpacks an archive there.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.catalogue.packers.arrays import read_content
from common.data.catalogue.root import require
from common.data.catalogue.sources import name_of_file
from common.data.images.sets import ImageSet, Split
from common.errors import DataError

CIFAR10_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
STL10_NAMES = (
    *("airplane", "bird", "car", "cat", "deer"),
    *("dog", "horse", "monkey", "ship", "truck"),
)
CIFAR_SHAPE = (3, 32, 32)
STL10_SHAPE = (3, 96, 96)


def cifar10(root: str | None = None) -> ImageSet:
    """Reads CIFAR-10, lossless: 50,000 and 10,000 images (3, 32, 32) of 10 classes.

    Raises:
        DataError: Names the file, and the record whose label is no class.
    """
    names = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
    return {
        split: _cifar(root, [f"cifar-10-batches-bin/{stem}.bin" for stem in stems], CIFAR10_NAMES)
        for split, stems in names.items()
    }


def cifar100(root: str | None = None) -> ImageSet:
    """Reads CIFAR-100: 50,000 and 10,000 images (3, 32, 32), labelled with the 100 fine classes.

    Raises:
        DataError: Names the file, and the record whose label is no class.
    """
    listed = require(root, "cifar-100-binary/fine_label_names.txt")
    names = tuple(read_content(listed).decode().split())
    return {
        split: _cifar(root, [f"cifar-100-binary/{split}.bin"], names, label_bytes=2)
        for split in ("train", "test")
    }


def stl10(root: str | None = None) -> ImageSet:
    """Reads STL-10: 105,000 images (3, 96, 96) to train on, 8,000 to test, of 10 classes.

    5,000 of the former have a label; the others have -1 and show more than these classes. All of
    it takes 3.1 GB of memory.

    Raises:
        DataError: Names the file.
    """
    pixels = {
        part: _stl10_pixels(root, f"stl10_binary/{part}_X.bin")
        for part in ("train", "unlabeled", "test")
    }
    labels = {part: _stl10_labels(root, part, len(pixels[part])) for part in ("train", "test")}
    num = len(pixels["train"])
    # One array, filled in place: joining two would need twice the memory.
    images = np.empty((num + len(pixels["unlabeled"]), *STL10_SHAPE), np.uint8)
    images[:num], images[num:] = pixels["train"], pixels["unlabeled"]
    every_label = np.full(len(images), -1, np.int64)
    every_label[:num] = labels["train"]
    return {
        "train": _split(images, every_label, STL10_NAMES),
        "test": _split(pixels["test"], labels["test"], STL10_NAMES),
    }


def _cifar(
    root: str | None, files: list[str], names: tuple[str, ...], label_bytes: int = 1
) -> Split:
    """Reads records of labels (the last one counts) and the three planes of an image."""
    size = label_bytes + int(np.prod(CIFAR_SHAPE))
    images, labels = [], []
    for file in files:
        path = require(root, file)
        records = _records(path, file, size)
        found = records[:, label_bytes - 1].astype(np.int64)
        _check_labels(path, file, found, len(names))
        labels.append(found)
        images.append(records[:, label_bytes:].reshape(-1, *CIFAR_SHAPE))
    return _split(np.concatenate(images), np.concatenate(labels), names)


def _stl10_pixels(root: str | None, file: str) -> NDArray[np.uint8]:
    """Returns (num, 3, 96, 96): each plane is stored column by column."""
    records = _records(require(root, file), file, int(np.prod(STL10_SHAPE)))
    return records.reshape(-1, *STL10_SHAPE).transpose(0, 1, 3, 2)


def _stl10_labels(root: str | None, part: str, num: int) -> NDArray[np.int64]:
    file = f"stl10_binary/{part}_y.bin"
    path = require(root, file)
    # Classes are numbered from 1.
    labels = _records(path, file, 1)[:, 0].astype(np.int64) - 1
    if len(labels) != num:
        raise _error(path, file, f"{len(labels)} labels for {num} images")
    _check_labels(path, file, labels, len(STL10_NAMES))
    return labels


def _records(path: Path, file: str, size: int) -> NDArray[np.uint8]:
    """Returns (num, size) bytes, left on the disk until they are used."""
    length = path.stat().st_size
    if length == 0 or length % size:
        raise _error(path, file, f"{length} bytes are no whole number of records of {size}")
    return np.memmap(path, np.uint8, "r").reshape(-1, size)


def _check_labels(path: Path, file: str, labels: NDArray[np.int64], num_classes: int) -> None:
    foreign = (labels < 0) | (labels >= num_classes)
    if foreign.any():
        row = int(foreign.argmax())
        raise _error(path, file, f"record {row} has label {labels[row]} of {num_classes} classes")


def _error(path: Path, file: str, what: str) -> DataError:
    return DataError(
        f"{path}: {what}; delete it and run `papers data prepare {name_of_file(file)}`"
    )


def _split(images: NDArray[Any], labels: NDArray[np.int64], names: tuple[str, ...]) -> Split:
    # In memory and contiguous, also what was left on the disk or turned.
    whole = np.require(images, requirements=["C", "W", "E"])
    return Split(torch.from_numpy(whole), torch.from_numpy(labels), class_names=names)
