"""Images in files, cut to their face and scaled when a batch needs them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common.data.images.decode import decode
from common.errors import DataError

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
