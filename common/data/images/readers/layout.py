"""Which images of a folder are which split: split folders, class folders or tar shards. No torch.

```
folder/train/<class>/*.JPEG   folder/val/<class>/*.JPEG   (test, or training, val_images, test2017)
folder/train/*.tar            folder/val/*.tar            or folder/*train*.tar, folder/*val*.tar
folder/...                    anything else is one split
```
"""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.images.readers.folders import FolderSource, list_folder, walk_images
from common.data.images.readers.shards import ShardSource, open_shards
from common.errors import DataError

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
# What may follow the name of a split.
ENDING = re.compile(r"(?:[ _-]?(?:images|imgs|data|set))?(?:[ _-]?(?:19|20)\d\d)?$")
# What a folder may be called that is meant as a split.
SPLIT_LIKE = re.compile(
    "(?<![a-z])(?:train|val|valid|validation|test|dev|eval|evaluation)(?:ing)?(?:set)?(?![a-z])"
)
# The least share of such folders: among many classes one may be called train_station.
FEWEST_SPLITS = 0.1
# A split's folder of images, or its shards.
Part = Path | list[Path]


@dataclass(frozen=True)
class Listed:
    """A set's images: ``rows`` of ``source`` by split, ``labels`` by row, -1 for none.

    ``class_names`` are those of class folders; shards number their classes themselves.
    """

    source: FolderSource | ShardSource
    rows: dict[str, NDArray[np.int64]]
    labels: NDArray[np.int64]
    class_names: list[str]

    def known(self) -> dict[str, NDArray[Any]]:
        """Returns ``ids``, the names of all images, and where some have a class ``labels``.

        Those are the names of class folders, "" for none, or the numbers of shards. Where each of
        several splits has classes, ``split`` names that of each image.
        """
        ids = np.array([os.fsdecode(name) for name in self.source.names], dtype=np.str_)
        if not (self.labels >= 0).any():
            return {"ids": ids}
        names = np.array([*self.class_names, ""])
        known = {"ids": ids, "labels": names[self.labels] if self.class_names else self.labels}
        if len(self.rows) > 1 and all(
            (self.labels[rows] >= 0).any() for rows in self.rows.values()
        ):
            known["split"] = np.empty(len(ids), dtype="<U5")
            for split, rows in self.rows.items():
                known["split"][rows] = split
        return known


def find_parts(folder: Path) -> dict[str, Part]:
    """Returns the parts of ``folder`` by split; ``{"train": ...}`` if it shows no splits.

    Names of splits are known in capitals, and with ``_images`` or a year behind them, too.

    Raises:
        DataError: No such folder, or splits in it that are named otherwise or twice.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    below = [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    shards = sorted(path for path in folder.glob("*.tar") if path.is_file())
    parts: dict[str, Part] = {}
    num_named = 0
    for split, names in SPLITS.items():
        named = sorted(path for path in below if _is_called(path.name, names))
        pattern = f"(?:^|[^a-z])(?:{'|'.join(names)})"
        own = [path for path in shards if re.search(pattern, path.stem.lower())]
        num_named += bool(named)
        if named:
            parts[split] = sorted(named[0].glob("*.tar")) or named[0]
        elif own:
            parts[split] = own
    # A class may be called "train": splits are splits when no other folder is beside them.
    if "train" in parts and num_named == len(below):
        return parts
    if not shards:
        _check_classes(folder, below)
        _check_within(folder, sorted(below))
    return {"train": shards or folder}


def _is_called(folder: str, names: Collection[str]) -> bool:
    return ENDING.sub("", folder.lower()) in names


def _check_classes(folder: Path, below: list[Path]) -> None:
    """Raises `DataError` where folders with classes of their own look like splits."""
    alike = sorted(path.name for path in below if SPLIT_LIKE.search(path.name.lower()))
    if len(below) < 2 or len(alike) < FEWEST_SPLITS * len(below):
        return
    if any("/" in name for split in alike for name, _ in walk_images(folder / split, "")):
        others = sorted({path.name for path in below} - {*alike})
        raise DataError(
            f"{folder}: {', '.join(alike)} would be read as classes; name splits train/, val/ "
            f"and test/, and take {others[0] if others else 'other folders'} out"
        )


def _check_within(folder: Path, classes: list[Path]) -> None:
    """Raises `DataError` where each class holds folders of splits, and nothing else."""
    known = {name for names in SPLITS.values() for name in names}
    found: set[str] = set()
    for path in classes:
        with os.scandir(path) as entries:
            inner = {entry.name for entry in entries if entry.is_dir()}
        if not inner or not all(_is_called(name, known) for name in inner):
            return
        found |= inner
    if len(classes) > 1 and len(found) > 1:
        raise DataError(
            f"{folder}: {classes[0].name} and others hold {' and '.join(sorted(found))}, which "
            f"would be mixed; turn the folders about: {min(found)}/{classes[0].name}"
        )


def list_parts(
    folder: Path, parts: dict[str, Part], only: list[str] | None = None, upright: bool = True
) -> Listed:
    """Lists the images of ``parts``, found by `find_parts` in ``folder``.

    Args:
        folder: The set's.
        parts: Its splits.
        only: The class folders to take; None: all. Classes are numbered by name.
        upright: See `lazy.Source`.

    Raises:
        DataError: Without images; folders and shards mixed; a class that is not there.
    """
    shards = [part for part in parts.values() if isinstance(part, list)]
    folders = {split: part for split, part in parts.items() if isinstance(part, Path)}
    if not shards:
        return _list_folders(folder, folders, only, upright)
    if folders or only is not None:
        raise DataError(
            f"{folder}: shards serve whole sets; give all splits as shards, or all as folders"
        )
    source = open_shards(folder, [*chain.from_iterable(shards)], upright)
    stops = np.cumsum([0, *map(len, shards)])
    rows = {
        split: np.flatnonzero((source.shard >= first) & (source.shard < stop))
        for split, first, stop in zip(parts, stops, stops[1:], strict=False)
    }
    return Listed(source, rows, source.labels, [])


def _list_folders(
    folder: Path, parts: dict[str, Path], only: list[str] | None, upright: bool
) -> Listed:
    listings = {split: list_folder(part, only) for split, part in parts.items()}
    class_names = sorted({name for found in listings.values() for name in found.class_names})
    lacking = [name for name in only or [] if name not in class_names]
    if lacking:
        raise DataError(f"{folder}: no folder of the class {lacking[0]} ({len(lacking)} lack)")
    names, labels, rows, first = [], [], {}, 0
    for split, found in listings.items():
        number = np.array([*map(class_names.index, found.class_names), -1], np.int64)
        labels.append(number[found.classes])
        prefix = parts[split].relative_to(folder).as_posix()
        names.append(
            found.names if prefix == "." else np.char.add(f"{prefix}/".encode(), found.names)
        )
        rows[split] = np.arange(first, first + len(found.names))
        first += len(found.names)
    sizes = np.concatenate([found.sizes for found in listings.values()])
    source = FolderSource(folder, np.concatenate(names), sizes, upright)
    return Listed(source, rows, np.concatenate(labels), class_names)
