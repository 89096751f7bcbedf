"""A user's own pictures, brought to the form of a run's: a folder, or arrays in an npz."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from common.data.packers.arrays import read_arrays
from common.data.pictures.folders import list_folder
from common.errors import DataError

Pictures = NDArray[np.uint8]
Shape = tuple[int, int, int]
MODES = {1: "L", 3: "RGB"}
BROKEN = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def read_own(path: Path, shape: Shape) -> tuple[Tensor, NDArray[np.str_] | None]:
    """Reads a folder, with or without class folders, or ``images`` of an npz.

    Pictures of another size are scaled to cover the run's and cropped at the centre.

    Args:
        path: Folder, or npz with ``images (num, H, W)`` or ``(num, H, W, C)`` uint8.
        shape: (channels, height, width) of the run's pictures.

    Returns:
        Pictures (num, channels, height, width) uint8, and for a folder their names in it.

    Raises:
        DataError: Nothing to read, or what cannot be used; names the file and picture.
    """
    path = path.expanduser()
    if path.is_dir():
        return _read_folder(path, shape)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix != ".npz":
        raise DataError(f"{path}: give a folder of pictures, or an .npz with the array `images`")
    return _read_npz(path, shape), None


def _read_folder(folder: Path, shape: Shape) -> tuple[Tensor, NDArray[np.str_]]:
    if shape[0] not in MODES:
        raise DataError(
            f"{folder}: the run's pictures have {shape[0]} channels, which picture files do not; "
            "give an .npz with the array `images`"
        )
    names = [os.fsdecode(name) for name in list_folder(folder).names]
    pictures = np.empty((len(names), *shape), np.uint8)
    for row, name in enumerate(names):
        pictures[row] = _fit(decode(folder / name, str(folder / name)), shape)
    return torch.from_numpy(pictures), np.array(names, dtype=np.str_)


def decode(file: Path | BinaryIO, name: str, upright: bool = True) -> Image.Image:
    """Decodes a picture file with 8 bits a channel.

    Args:
        file: What to read.
        name: What the user knows it by.
        upright: Turn it as its EXIF data say.

    Raises:
        DataError: Naming a picture that cannot be decoded or has more than 8 bits.
    """
    with _opened(file, name) as picture:
        picture.load()
        return ImageOps.exif_transpose(picture) if upright else picture.copy()


def read_size(file: Path | BinaryIO, name: str, upright: bool = True) -> tuple[int, int]:
    """Returns the height and width of what `decode` returns; reads the header alone."""
    with _opened(file, name) as picture:
        width, height = picture.size
        # These lie on their side.
        lying = upright and picture.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        return (width, height) if lying else (height, width)


@contextmanager
def _opened(file: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Opens a picture file; raises `DataError` here and for what fails while it is open."""
    try:
        with Image.open(file) as picture:
            # More than 8 bits a channel: Pillow would cut off at 255 without a word.
            if picture.mode[0] in "IF":
                raise DataError(
                    f"{name}: pixels are not 8-bit (mode {picture.mode}); convert the picture"
                )
            yield picture
    except BROKEN as error:
        # Pillow's own words name the object that was read, not the file.
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no kind of picture that is known here" if unknown else error
        raise DataError(
            f"{name}: not a readable picture ({reason}); repair it or take it away"
        ) from None


def _fit(picture: Image.Image, shape: Shape) -> Pictures:
    """Returns (channels, height, width), scaled to cover the shape and cropped at the centre."""
    channels, height, width = shape
    picture = picture.convert(MODES[channels])
    fitted = ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(fitted).reshape(height, width, channels).transpose(2, 0, 1)


def _read_npz(path: Path, shape: Shape) -> Tensor:
    images = _check_images(read_arrays(path, "images")["images"], path)
    if images.shape[1:] == (*shape[1:], shape[0]):
        return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    if images.shape[-1] not in MODES or shape[0] not in MODES:
        wanted = f"(num, {shape[1]}, {shape[2]}, {shape[0]})"
        raise DataError(f"{path}: images has shape {images.shape}; the run needs {wanted}")
    fitted = [
        _fit(Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image), shape)
        for image in images
    ]
    return torch.from_numpy(np.stack(fitted))


def _check_images(images: NDArray[Any], path: Path) -> Pictures:
    """Returns ``images`` as (num, height, width, channels)."""
    if images.dtype != np.uint8:
        raise DataError(f"{path}: images is {images.dtype}; give uint8, 0 to 255")
    if images.ndim not in (3, 4) or images.size == 0:
        raise DataError(
            f"{path}: images has shape {images.shape}; give (num, H, W) or (num, H, W, C), "
            "with at least one picture"
        )
    return images[..., None] if images.ndim == 3 else images
