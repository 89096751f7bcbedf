"""Image sets in memory: splits, objects with boxes, checks and fingerprint."""

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from common.errors import DataError

# The class of rows that fill `sets.Split.boxes` up.
NO_BOX = -1


class Objects(NamedTuple):
    """The objects of one image.

    ``boxes``: (count, 4) float32: left, top, right and bottom in pixels. ``classes``: (count,)
    int64 from 0. ``trained``, ``tested``: (count,) bool: whether a detector learns it, and whether
    missing it counts; crowds and difficult objects do not. ``masks``: (count, height, width) bool.
    """

    boxes: Tensor
    classes: Tensor
    trained: Tensor
    tested: Tensor
    masks: Tensor | None = None

    def take(self, chosen: Tensor) -> "Objects":
        """Returns the objects that ``chosen``, (count,) bool, selects."""
        masks = None if self.masks is None else self.masks[chosen]
        boxes, classes, trained, tested = (part[chosen] for part in self[:4])
        return Objects(boxes, classes, trained, tested, masks)


def plain_objects(boxes: Tensor, classes: Tensor, masks: Tensor | None = None) -> Objects:
    """Returns objects that are all learnt and tested."""
    every = torch.ones(len(boxes), dtype=torch.bool)
    return Objects(boxes, classes, every, every, masks)


def padded(boxes: list[Tensor]) -> Tensor:
    """Returns (num, most, 5) from (count, 5) of each image: corners and class, then `NO_BOX`."""
    most = max(map(len, boxes), default=0)
    found = torch.full((len(boxes), most, 5), float(NO_BOX))
    for row, own in enumerate(boxes):
        found[row, : len(own)] = own
    return found


# The class of a pixel that no dense label covers: `cross_entropy(..., ignore_index=IGNORED)`.
IGNORED = -1


@dataclass(frozen=True)
class Split:
    """Images (num, channels, height, width), uint8 or floating in 0..1, and their labels.

    ``labels``: (num,) int64, -1 for none. ``groups``: (num,) images of one original, kept
    together by `hold_out`.
    ``label_maps``: (num, height, width) int64, the class of each pixel, `IGNORED` for none.
    ``instance_maps``: (num, height, width) int32, which object a pixel belongs to, 0 for none.
    ``boxes``: (num, most, 5) float32: left, top, right, bottom and class of each object, and rows
    of class -1 behind. ``class_names``: what the labels, or those of maps or boxes, stand for.
    """

    images: Tensor
    labels: Tensor
    groups: Tensor | None = None
    label_maps: Tensor | None = None
    instance_maps: Tensor | None = None
    boxes: Tensor | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int | None, int | None]:
        """(channels, height, width) of each image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def rows(self, index: Tensor) -> "Split":
        """Returns the images that ``index`` (positions or a mask) selects."""
        parts = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        chosen: dict[str, Any] = {k: v[index] for k, v in parts.items() if isinstance(v, Tensor)}
        return replace(self, **chosen)

    def joined(self, other: "Split") -> "Split":
        """Returns the images of both with all that both know of them, its own leading."""
        joined: dict[str, Any] = {}
        for entry in fields(Split):
            parts = (getattr(self, entry.name), getattr(other, entry.name))
            if all(isinstance(part, Tensor) for part in parts):
                joined[entry.name] = torch.cat(parts)
        # Group numbers of two splits need not be of the same originals.
        joined["groups"] = None
        return Split(**joined, class_names=self.class_names)


ImageSet = dict[str, Split]


def check_set(name: str, images: ImageSet) -> None:
    """Raises `DataError` naming the split and row of the first image that cannot be used."""
    for split, part in images.items():
        if part.images.ndim != 4 or len(part) == 0:
            shape = tuple(part.images.shape)
            raise DataError(f"{name}, {split}: images have shape {shape}, not (num, C, H, W)")
        if part.labels.shape != (len(part),):
            raise DataError(f"{name}, {split}: {len(part)} images, {len(part.labels)} labels")
        if part.images.is_floating_point():
            fine = (part.images >= 0) & (part.images <= 1)
            broken = ~fine.flatten(1).all(1)
            if broken.any():
                row = int(broken.nonzero()[0])
                raise DataError(f"{name}, {split}: image {row} holds NaN or leaves 0..1")
        _check_maps(f"{name}, {split}", part)


def _check_maps(where: str, part: Split) -> None:
    num, _, height, width = part.images.shape
    for kind, maps in (("label", part.label_maps), ("instance", part.instance_maps)):
        if maps is None:
            continue
        if maps.shape != (num, height, width):
            raise DataError(
                f"{where}: {kind} maps have shape {tuple(maps.shape)}, not {(num, height, width)}"
            )
        least = IGNORED if kind == "label" else 0
        if maps.is_floating_point() or int(maps.min()) < least:
            raise DataError(f"{where}: {kind} maps hold other than whole numbers from {least} up")


def fingerprint(images: ImageSet) -> str:
    """Returns 16 hex digits over all splits as they are used, order and dense labels included."""
    digest = hashlib.sha256()
    for split, part in sorted(images.items()):
        for array in (part.images, part.labels, part.label_maps, part.instance_maps, part.boxes):
            if array is not None:
                digest.update(f"{split} {array.dtype} {tuple(array.shape)}".encode())
                # A view, not `tobytes`: large sets would be in memory twice.
                digest.update(array.contiguous().numpy().reshape(-1).data)
    return digest.hexdigest()[:16]


def to_float(images: Tensor) -> Tensor:
    """Returns uint8 images divided by 255, floating ones unchanged."""
    return images if images.is_floating_point() else images.float().div_(255)
