"""Sets whose images stay in files: ImageNet, its 100-class subset, and any folder of a user's."""

import warnings
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from common.data.catalogue.root import data_root, require
from common.data.images.config import ImageConfig
from common.data.images.lazy import FileSet, LazySplit, hold_out
from common.data.images.readers.folders import composed
from common.data.images.readers.layout import Listed, Part, find_parts, list_parts
from common.errors import DataError

CLASSES = "imagenet100/classes.txt"


def image_folder(config: ImageConfig) -> FileSet:
    """Opens the folder ``data.path``, in any layout of `layout`.

    Without test images its validation images are the split "test", else ``data.test_share``
    of all.

    Raises:
        DataError: No such folder, or no images in it.
    """
    folder = Path(config.path or "").expanduser()
    parts = find_parts(folder)
    if "test" not in parts and "val" in parts:
        parts["test"] = parts.pop("val")
    listed = list_parts(folder, parts)
    if empty := _empty_folders(parts, listed.class_names):
        warnings.warn(f"{folder}: folders without images: {', '.join(empty)}", stacklevel=2)
    images = _splits(listed)
    return hold_out(images, config.test_share, "test")


def imagenet(config: ImageConfig) -> FileSet:
    """Opens ``imagenet/`` of the data root, folders or shards; its "val" is the split "test"."""
    return _imagenet(require(config.root, "imagenet", "imagenet"))


def imagenet100(config: ImageConfig) -> FileSet:
    """Opens ``imagenet100/``, or the classes of ``imagenet/`` that ``classes.txt`` lists.

    The list of Tian et al. (CMC) is the usual one; classes are numbered in the order of their
    names, as everywhere.
    """
    own = data_root(config.root) / "imagenet100"
    if own.is_dir() and len(find_parts(own)) > 1:
        return _imagenet(own)
    names = require(config.root, CLASSES, "imagenet100").read_text().split()
    return _imagenet(require(config.root, "imagenet", "imagenet"), names)


def own_folder(path: Path) -> tuple[LazySplit, dict[str, NDArray[Any]]]:
    """Opens a user's folder as one split, in which every label is 0.

    Returns:
        The split, and ``ids`` and perhaps ``labels`` of its images, as `Listed.known` does.

    Raises:
        DataError: No such folder, or no images in it.
    """
    folder = path.expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: give a folder of images")
    listed = list_parts(folder, find_parts(folder))
    index = torch.arange(len(listed.labels))
    return LazySplit(listed.source, index, torch.zeros_like(index)), listed.known()


def _empty_folders(parts: dict[str, Part], class_names: list[str]) -> list[str]:
    folders = [part for part in parts.values() if isinstance(part, Path)]
    below = [path for folder in folders for path in folder.iterdir() if path.is_dir()]
    names = {composed(path.name) for path in below if path.name[0] != "."}
    return sorted(names - set(class_names))


def _imagenet(folder: Path, only: list[str] | None = None) -> FileSet:
    parts = find_parts(folder)
    if not {"train", "val"} <= set(parts):
        raise DataError(
            f"{folder}: needs train/ and val/ with a folder a class, or shards named so"
        )
    # ImageNet's own test images have no labels: everybody reports on "val".
    wanted = {"train": parts["train"], "test": parts["val"]}
    images = _splits(list_parts(folder, wanted, only, upright=False))
    for split, part in images.items():
        if bool((part.labels < 0).any()):
            row = int((part.labels < 0).nonzero()[0])
            raise DataError(f"{part.name(row)}: has no class; images of {split} need one")
    return images


def _splits(listed: Listed) -> FileSet:
    labels = torch.from_numpy(listed.labels)
    found = {}
    for split, rows in listed.rows.items():
        index = torch.from_numpy(rows)
        found[split] = LazySplit(
            listed.source, index, labels[index], class_names=tuple(listed.class_names)
        )
    return found


def read_list(root: str | None, file: str) -> list[str]:
    """Returns the names in ``file``, one a line; a relative path is one below the data root.

    Raises:
        DataError: No such file, or none in it.
    """
    path = data_root(root) / Path(file).expanduser()
    if not path.is_file():
        raise DataError(
            f"evaluation.finetune.lists: there is no file {path}; leave it empty to draw by seed"
        )
    names = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    if not names:
        raise DataError(f"{path}: names no image")
    return names
