"""Objects of pictures: their boxes, classes and masks, and the set of blood cells that has them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.data.pictures.packed import Packed
from common.data.pictures.sets import PictureSet

BCCD_FILE = "bccd_small/bccd.npz"
BCCD_SPLITS = ("train", "val", "test")
# The class of rows that fill `sets.Split.boxes` up.
NO_BOX = -1


class Objects(NamedTuple):
    """The objects of one picture.

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
    """Returns (num, most, 5) from (count, 5) of each picture: corners and class, then `NO_BOX`."""
    most = max(map(len, boxes), default=0)
    found = torch.full((len(boxes), most, 5), float(NO_BOX))
    for row, own in enumerate(boxes):
        found[row, : len(own)] = own
    return found


def bccd(root: str | None = None) -> PictureSet:
    """Reads blood cells: 205, 87 and 72 pictures (3, 240, 320) with boxes of three classes.

    The two published boxes without area are left out. LOSSY: halved and encoded again.

    Raises:
        DataError: Names the file, and the box that does not fit.
    """
    names = ("jpeg", "offsets", "split", "box_image", "box_class", "box_xyxy")
    file = Packed(root, BCCD_FILE, *names)
    pictures = file.decoded()
    whole = file.split(pictures, np.full(len(pictures), -1))
    _check_boxes(file, pictures, len(whole.class_names))
    xyxy = torch.from_numpy(file["box_xyxy"].astype(np.float32))
    kind = torch.from_numpy(file["box_class"].astype(np.float32))
    image = torch.from_numpy(file["box_image"].astype(np.int64))
    has_area = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
    rows = torch.cat([xyxy, kind[:, None]], 1)
    boxes = padded([rows[has_area & (image == row)] for row in range(len(whole))])
    whole = replace(whole, boxes=boxes)
    return {name: whole.rows(torch.from_numpy(file["split"] == name)) for name in BCCD_SPLITS}


def _check_boxes(file: Packed, pictures: Tensor, num_classes: int) -> None:
    num, _, height, width = pictures.shape
    image, kind, xyxy = file["box_image"], file["box_class"], file["box_xyxy"]
    if len(file["split"]) != num:
        raise file.error(f"holds {num} pictures and {len(file['split'])} splits")
    if xyxy.shape != (len(image), 4) or len(kind) != len(image):
        counts = f"{len(image)} pictures, {len(kind)} classes and {xyxy.shape} corners"
        raise file.error(f"boxes do not fit together: {counts}")
    fits = (image >= 0) & (image < num) & (kind >= 0) & (kind < num_classes)
    fits &= (xyxy >= 0).all(1) & (xyxy <= (width, height, width, height)).all(1)
    if not fits.all():
        row = int(np.argmin(fits))
        place = f"picture {image[row]}, class {kind[row]}, {xyxy[row].tolist()}"
        raise file.error(f"box {row} is none of a picture of {width}x{height}: {place}")
