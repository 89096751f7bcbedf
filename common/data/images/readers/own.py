"""A user's own images, brought to the form of a run's: a folder, or arrays in an npz."""

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from common.data.catalogue.packers.arrays import read_rows
from common.data.images.lazy import decode
from common.data.images.readers.layout import find_parts, list_parts
from common.errors import DataError

Images = NDArray[np.uint8]
# What is known of each row beside the image: ``ids`` and ``labels``, or less.
Known = dict[str, NDArray[Any]]
Shape = tuple[int, int, int]
MODES = {1: "L", 3: "RGB"}


def read_own(path: Path, shape: Shape) -> tuple[Tensor, Known]:
    """Reads a folder, with or without split and class folders, or ``images`` of an npz.

    Images of another size are scaled to cover the run's and cropped at the centre.

    Args:
        path: Folder, or npz with ``images (num, H, W)`` or ``(num, H, W, C)`` uint8 and perhaps
            ``ids`` and ``labels``.
        shape: (channels, height, width) of the run's images.

    Returns:
        Images (num, channels, height, width) uint8, and what is known of them: for a folder
        ``ids``, their names in it, and ``labels``, their class folders.

    Raises:
        DataError: Nothing to read, or what cannot be used; names the file and image.
    """
    path = path.expanduser()
    if path.is_dir():
        return _read_folder(path, shape)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix != ".npz":
        raise DataError(f"{path}: give a folder of images, or an .npz with the array `images`")
    return _read_npz(path, shape)


def _read_folder(folder: Path, shape: Shape) -> tuple[Tensor, Known]:
    if shape[0] not in MODES:
        raise DataError(
            f"{folder}: the run's images have {shape[0]} channels, which image files do not; "
            "give an .npz with the array `images`"
        )
    listed = list_parts(folder, find_parts(folder))
    source = listed.source
    rows = range(len(source.names))
    images = (decode(io.BytesIO(source.read(row)), source.name(row)) for row in rows)
    return _fit_all(images, shape, folder), listed.known()


def _fit_all(images: Iterable[Image.Image], shape: Shape, path: Path) -> Tensor:
    fitted: list[Images] = []
    coloured = 0
    for image in images:
        coloured += shape[0] == 1 and bool(np.ptp(np.asarray(image.convert("RGB")), axis=2).any())
        fitted.append(_fit(image, shape))
    if coloured:
        warnings.warn(
            f"{path}: {coloured} of {len(fitted)} images are in colour; the encoder was trained on "
            "grey ones, so that their colour is left out",
            stacklevel=2,
        )
    return torch.from_numpy(np.stack(fitted))


def _fit(image: Image.Image, shape: Shape) -> Images:
    """Returns (channels, height, width), scaled to cover the shape and cropped at the centre."""
    channels, height, width = shape
    image = image.convert(MODES[channels])
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(fitted).reshape(height, width, channels).transpose(2, 0, 1)


def _read_npz(path: Path, shape: Shape) -> tuple[Tensor, Known]:
    stored, known = read_rows(path, "images")
    images = _check_images(stored, path)
    if images.shape[1:] == (*shape[1:], shape[0]):
        return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))), known
    if images.shape[-1] not in MODES or shape[0] not in MODES:
        wanted = f"(num, {shape[1]}, {shape[2]}, {shape[0]})"
        raise DataError(f"{path}: images has shape {images.shape}; the run needs {wanted}")
    opened = (Image.fromarray(i.squeeze(2) if i.shape[2] == 1 else i) for i in images)
    return _fit_all(opened, shape, path), known


def _check_images(images: NDArray[Any], path: Path) -> Images:
    """Returns ``images`` as (num, height, width, channels)."""
    if images.dtype != np.uint8:
        raise DataError(f"{path}: images is {images.dtype}; give uint8, 0 to 255")
    if images.ndim not in (3, 4) or images.size == 0:
        raise DataError(
            f"{path}: images has shape {images.shape}; give (num, H, W) or (num, H, W, C), "
            "with at least one image"
        )
    return images[..., None] if images.ndim == 3 else images
