"""What a set of known and novel classes is made of, images in files included."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common.data.images.lazy import decode
from common.errors import DataError
from common.evaluation.open_world_inputs import ImagesByRow

Box = tuple[float, float, float, float]


class ImageFiles:
    """Images that are read when a batch needs them, cut to their face and scaled.

    Args:
        paths: Files.
        size: Pixels a side.
        boxes: Left, top, right and bottom of the face in each; None: whole images.
        margin: Multiplies the box's sides.
    """

    def __init__(
        self, paths: list[Path], size: int, boxes: list[Box] | None = None, margin: float = 1.0
    ) -> None:
        self.paths, self.size, self.boxes, self.margin = paths, size, boxes, margin

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Returns ``(len(rows), 3, size, size)`` uint8.

        Raises:
            DataError: An unreadable image, or one without its face, by name; it is not replaced
                by another.
        """
        with ThreadPoolExecutor() as pool:
            return torch.from_numpy(np.stack(list(pool.map(self._read, rows.tolist()))))

    def _read(self, row: int) -> np.ndarray:
        path = self.paths[row]
        image = decode(path, str(path)).convert("RGB")
        if self.boxes is not None:
            left, top, right, bottom = widened(self.boxes[row], self.margin, image.size)
            if right <= left or bottom <= top:
                raise DataError(
                    f"{path}: has {image.width} x {image.height} pixels and its face box, "
                    f"{self.boxes[row]}, lies outside; mend it in data.boxes"
                )
            image = image.crop((left, top, right, bottom))
        scaled = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(scaled).transpose(2, 0, 1)


def widened(box: Box, margin: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns the box with sides ``margin`` times as long about its centre, inside the image."""
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    half_width, half_height = (right - left) / 2 * margin, (bottom - top) / 2 * margin
    return (
        max(round(x - half_width), 0),
        max(round(y - half_height), 0),
        min(round(x + half_width), size[0]),
        min(round(y + half_height), size[1]),
    )


# Tags of a row, as the tables of OW-DFA have them.
UNUSED, LABELLED, UNLABELLED = 0, 1, 2


class Part(NamedTuple):
    """One split. ``labels``: (num,) true classes, known ones first; ``tags``: (num,)."""

    images: ImagesByRow
    labels: Tensor
    tags: Tensor


@dataclass(frozen=True)
class OpenWorldSet:
    """Training and test images; classes below ``num_known`` are those with labels.

    ``note`` or ``warning`` says how a user's table stands to the published one.
    """

    train: Part
    test: Part
    class_names: tuple[str, ...]
    num_known: int
    fingerprint: str
    size: int
    note: str = ""
    warning: str = ""


def check_parts(name: str, found: OpenWorldSet) -> None:
    """Raises `DataError` unless known and novel classes are what their labels and tags say.

    Labels of known classes must come first: a metric tells known from novel by the number alone.
    """
    labels, tags = found.train.labels, found.train.tags
    labelled = labels[tags == LABELLED]
    if len(labelled) == 0:
        raise DataError(
            f"{name}: no training image is labelled (tag {LABELLED}); known classes need some"
        )
    known = set(labelled.tolist())
    inside = sorted(set(range(int(labelled.max()) + 1)) - known)
    if inside:
        names = ", ".join(found.class_names[label] for label in inside)
        raise DataError(
            f"{name}: class {names} (label {inside[0]}) has no labelled image; number novel "
            "classes after the known ones"
        )


def with_labels(part: Part, labels: str) -> Part:
    """Returns the training part as an arm may see it.

    Args:
        part: As tagged.
        labels: "as-tagged"; "labelled-only", without unlabelled rows; "all", every row labelled.
    """
    if labels == "all":
        return part._replace(tags=torch.full_like(part.tags, LABELLED))
    if labels == "labelled-only":
        rows = (part.tags == LABELLED).nonzero()[:, 0]
        return Part(Rows(part.images, rows), part.labels[rows], part.tags[rows])
    return part


class Rows:
    """Some rows of other images."""

    def __init__(self, images: ImagesByRow, rows: Tensor) -> None:
        self.images, self.rows = images, rows

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Returns the images at ``rows`` of the rows that are kept."""
        return self.images[self.rows[rows]]
