"""Files of the data root that hold images: encoded ones end to end, or plain arrays."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from common.data.catalogue.packers.arrays import BROKEN
from common.data.catalogue.root import require
from common.data.catalogue.sources import name_of_file
from common.data.images.sets import Split
from common.errors import DataError


class Packed:
    """Arrays of one npz; every complaint names the file and how to get a good one.

    Args:
        root: The recipe's ``data.root``.
        relative: The file's path in it.
        names: The arrays to read.

    Raises:
        DataError: If the file is missing, is no npz of plain arrays, or lacks one of them.
    """

    def __init__(self, root: str | None, relative: str, *names: str) -> None:
        self.path, self._set = require(root, relative), name_of_file(relative)
        try:
            with np.load(self.path, allow_pickle=False) as file:
                self._arrays: dict[str, NDArray[Any]] = {name: file[name] for name in names}
                labels = file["class_names"] if "class_names" in file.files else []
                self._class_names = tuple(str(name) for name in labels)
        except BROKEN as error:
            raise self.error(f"not a set of packed images: {error}") from None

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Returns the array ``name``."""
        return self._arrays[name]

    def error(self, what: str) -> DataError:
        """Returns what is wrong, with file and mend, to be raised."""
        mend = f"delete it and run `papers data prepare {self._set}`" if self._set else "replace it"
        return DataError(f"{self.path}: {what}; {mend}")

    def split(self, images: Tensor, labels: NDArray[Any], **parts: Tensor) -> Split:
        """Returns a split; raises `DataError` unless there is a label an image."""
        if len(labels) != len(images):
            raise self.error(f"holds {len(images)} images and {len(labels)} labels")
        numbers = torch.from_numpy(labels.astype(np.int64))
        return Split(images, numbers, class_names=self._class_names, **parts)

    def plain(self, name: str) -> Tensor:
        """Returns the array ``name``, (num, height, width) or (num, C, height, width), as 4-D.

        Raises:
            DataError: If it has another shape, no rows, or is not uint8.
        """
        array = self[name]
        if array.dtype != np.uint8 or array.ndim not in (3, 4) or not array.size:
            raise self.error(f"{name} is {array.dtype} {array.shape}, not images of bytes")
        return torch.from_numpy(array if array.ndim == 4 else array[:, None])

    def maps(self, name: str, num: int) -> Tensor:
        """Returns the array ``name``, (num, height, width) whole numbers, as int32.

        Raises:
            DataError: If it has another shape, another number of rows, or holds fractions.
        """
        array = self[name]
        if array.dtype.kind not in "iu" or array.ndim != 3 or len(array) != num:
            raise self.error(f"{name} is {array.dtype} {array.shape}, not {num} maps of numbers")
        return torch.from_numpy(array.astype(np.int32))

    def decoded(self, square: int | None = None) -> Tensor:
        """Decodes ``jpeg``, cut at ``offsets``, to (num, 3, height, width) uint8.

        torchvision's decoder gives Pillow's pixels in a quarter of the time.

        Args:
            square: Side of the square to keep at the centre of each image; None: images are
                whole and of one size.

        Raises:
            DataError: With the number of the image that is broken or does not fit.
        """
        images: Tensor | None = None
        for number, image in enumerate(self._each()):
            kept = image if square is None else self._centre(image, square, number)
            if images is None:
                images = kept.new_empty((len(self["offsets"]) - 1, *kept.shape))
            if kept.shape != images.shape[1:]:
                found, expected = tuple(kept.shape), tuple(images.shape[1:])
                raise self.error(f"image {number} is {found}, not {expected}")
            images[number] = kept
        if images is None:
            raise self.error("holds no image")
        return images

    def _each(self) -> Iterator[Tensor]:
        offsets, blob = self["offsets"], torch.from_numpy(self["jpeg"])
        if (np.diff(offsets, prepend=0) < 0).any() or offsets.max(initial=0) > len(blob):
            raise self.error(f"offsets do not fit {len(blob)} bytes")
        for number, (first, last) in enumerate(pairwise(offsets)):
            try:
                yield decode_image(blob[first:last], ImageReadMode.RGB)
            except RuntimeError as error:
                reason = str(error).rsplit(", ", 1)[-1]
                raise self.error(f"image {number} cannot be decoded: {reason}") from None

    def _centre(self, image: Tensor, side: int, number: int) -> Tensor:
        height, width = image.shape[1:]
        if min(height, width) < side:
            raise self.error(f"image {number} is {height}x{width}, smaller than {side}x{side}")
        top, left = (height - side) // 2, (width - side) // 2
        return image[:, top : top + side, left : left + side]
