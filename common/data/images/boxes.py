"""Objects of images: their boxes, classes and masks."""

from typing import NamedTuple

import torch
from torch import Tensor

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
