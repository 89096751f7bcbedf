"""Sets of files with boxes: Pascal VOC 2007 and 2012, and COCO 2017 with its masks."""

import os
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

from common.data.catalogue.root import require
from common.data.images.config import ImageConfig
from common.data.images.lazy import FileSet, LazySplit
from common.data.images.readers.folders import FolderSource
from common.data.images.sets import Objects
from common.errors import DataError, MissingLibrary

VOC_CLASSES = tuple(
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor".split()
)
# The usual split: trainval of both years, tested on 2007's test images.
VOC_PARTS = {"train": (("2007", "trainval"), ("2012", "trainval")), "test": (("2007", "test"),)}
COCO_PARTS = {"train": "train2017", "test": "val2017"}


@dataclass(frozen=True)
class VocSource(FolderSource):
    """Images of VOC's folders, with the objects of their XML files."""

    class_names: tuple[str, ...] = VOC_CLASSES
    has_masks = False

    def objects(self, row: int) -> Objects:
        """Returns the objects of an image; raises `DataError` naming the file."""
        image = Path(self.name(row))
        path = image.parent.parent / "Annotations" / f"{image.stem}.xml"
        try:
            found = [_voc_object(entry) for entry in ElementTree.parse(path).iter("object")]
        except (OSError, ElementTree.ParseError, ValueError) as error:
            raise DataError(f"{path}: no readable annotation: {error}") from None
        boxes, classes, difficult = zip(*found, strict=True) if found else ((), (), ())
        trained = torch.ones(len(found), dtype=torch.bool)
        tested = ~torch.tensor(difficult, dtype=torch.bool)
        return Objects(_corners(boxes), torch.tensor(classes).long(), trained, tested)


def _voc_object(entry: ElementTree.Element) -> tuple[list[float], int, bool]:
    """Returns corners, class and whether it is difficult; VOC counts pixels from 1."""
    name, box = entry.findtext("name", ""), entry.find("bndbox")
    if name not in VOC_CLASSES or box is None:
        raise ValueError(f"an object {name!r} of no class, or without bndbox")
    left, top, right, bottom = (
        float(box.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return (
        [left - 1, top - 1, right, bottom],
        VOC_CLASSES.index(name),
        entry.findtext("difficult", "0").strip() == "1",
    )


def voc(config: ImageConfig) -> FileSet:
    """Opens ``VOCdevkit/`` of the data root, as its archives unpack.

    Difficult objects are trained, and not missed in the test, as in Detectron2.

    Raises:
        DataError: A year, a list or an image that is missing.
    """
    folder = require(config.root, "VOCdevkit", "voc")
    names: dict[str, list[str]] = {}
    for split, parts in VOC_PARTS.items():
        names[split] = []
        for year, part in parts:
            base = f"VOC{year}"
            listed = require(config.root, f"VOCdevkit/{base}/ImageSets/Main/{part}.txt", "voc")
            names[split] += [f"{base}/JPEGImages/{n}.jpg" for n in listed.read_text().split()]
    every = [name for part in names.values() for name in part]
    return _splits(VocSource(folder, *_listed(folder, every)), names)


@dataclass(frozen=True)
class CocoSource(FolderSource):
    """Images of COCO's folders, with the objects of its annotation files."""

    # What pycocotools made of each folder's annotations.
    annotations: dict[str, Any] = field(default_factory=dict)
    has_masks = True

    @cached_property
    def _categories(self) -> list[dict[str, Any]]:
        any_part = next(iter(self.annotations.values()))
        return sorted(any_part.cats.values(), key=lambda category: category["id"])

    @property
    def class_names(self) -> tuple[str, ...]:
        """The categories in the order of their numbers, which have gaps."""
        return tuple(category["name"] for category in self._categories)

    def objects(self, row: int) -> Objects:
        """Returns the objects of an image; crowds are neither trained nor missed."""
        part, _, name = os.fsdecode(self.names[row]).partition("/")
        api, place = self.annotations[part], {c["id"]: n for n, c in enumerate(self._categories)}
        found = [a for a in api.imgToAnns[_number(name)] if min(a["bbox"][2:]) > 0]
        crowd = torch.tensor([bool(a["iscrowd"]) for a in found], dtype=torch.bool)
        boxes = _corners([x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in found))
        masks = [torch.from_numpy(api.annToMask(a)).bool() for a in found]
        classes = torch.tensor([place[a["category_id"]] for a in found]).long()
        shape = api.imgs[_number(name)]
        none = torch.zeros(0, shape["height"], shape["width"], dtype=torch.bool)
        return Objects(boxes, classes, ~crowd, ~crowd, torch.stack(masks) if masks else none)


def coco(config: ImageConfig) -> FileSet:
    """Opens ``coco/`` of the data root: train2017, val2017 and annotations; "val" is "test".

    Training images without any object are left out, as in Detectron2.

    Raises:
        DataError: A file is missing or broken.
        MissingLibrary: pycocotools is not installed.
    """
    if find_spec("pycocotools") is None:
        raise MissingLibrary("data.name=coco", "detection", "pycocotools")
    folder, names, apis = require(config.root, "coco", "coco"), {}, {}
    for split, part in COCO_PARTS.items():
        require(config.root, f"coco/{part}", "coco")
        path = require(config.root, f"coco/annotations/instances_{part}.json", "coco")
        apis[part] = _coco_api(path)
        names[split] = [
            f"{part}/{image['file_name']}"
            for number, image in sorted(apis[part].imgs.items())
            if split == "test" or any(not a["iscrowd"] for a in apis[part].imgToAnns[number])
        ]
    every = [name for part in names.values() for name in part]
    return _splits(CocoSource(folder, *_listed(folder, every), annotations=apis), names)


def _coco_api(path: Path) -> Any:
    from pycocotools.coco import COCO

    try:
        with redirect_stdout(sys.stderr):
            return COCO(str(path))
    except (ValueError, KeyError, AssertionError) as error:
        raise DataError(f"{path}: no annotations of COCO's form: {error!r}") from None


def _number(name: str) -> int:
    """Returns an image's number, which is its name."""
    return int(Path(name).stem)


def _corners(boxes: Iterable[list[float]]) -> Tensor:
    return torch.tensor(list(boxes), dtype=torch.float32).view(-1, 4)


def _listed(folder: Path, names: list[str]) -> tuple[Any, Any]:
    """Returns names and sizes as `FolderSource` holds them; raises `DataError` if one is missing.

    A look into each folder, since a look at each of a hundred thousand files takes minutes.
    """
    sizes: dict[str, int] = {}
    for part in {name.rpartition("/")[0] for name in names}:
        if (folder / part).is_dir():
            with os.scandir(folder / part) as entries:
                sizes |= {f"{part}/{entry.name}": entry.stat().st_size for entry in entries}
    lacking = [name for name in names if name not in sizes]
    if lacking:
        raise DataError(f"{folder / lacking[0]}: listed, but missing ({len(lacking)} such files)")
    return np.array([os.fsencode(n) for n in names]), np.array([sizes[n] for n in names])


def _splits(source: FolderSource, names: dict[str, list[str]]) -> FileSet:
    found, first = {}, 0
    for split, part in names.items():
        index = torch.arange(first, first + len(part))
        found[split] = LazySplit(source, index, torch.full((len(part),), -1))
        first += len(part)
    return found
