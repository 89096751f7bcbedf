"""Image files decoded to 8 bits a channel; what a batch of images in files is made of."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from common.errors import DataError

BROKEN = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def decode(file: Path | BinaryIO, name: str, upright: bool = True) -> Image.Image:
    """Decodes an image file with 8 bits a channel.

    Args:
        file: What to read.
        name: What the user knows it by.
        upright: Turn it as its EXIF data say.

    Raises:
        DataError: Naming an image that cannot be decoded or has more than 8 bits.
    """
    with _opened(file, name) as image:
        image.load()
        return ImageOps.exif_transpose(image) if upright else image.copy()


def read_size(file: Path | BinaryIO, name: str, upright: bool = True) -> tuple[int, int]:
    """Returns the height and width of what `decode` returns; reads the header alone."""
    with _opened(file, name) as image:
        width, height = image.size
        # These lie on their side.
        lying = upright and image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        return (width, height) if lying else (height, width)


@contextmanager
def _opened(file: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Opens an image file; raises `DataError` here and for what fails while it is open."""
    try:
        with Image.open(file) as image:
            # More than 8 bits a channel: Pillow would cut off at 255 without a word.
            if image.mode[0] in "IF":
                raise DataError(
                    f"{name}: pixels are not 8-bit (mode {image.mode}); convert the image"
                )
            yield image
    except BROKEN as error:
        # Pillow's own words name the object that was read, not the file.
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no kind of image that is known here" if unknown else error
        raise DataError(
            f"{name}: not a readable image ({reason}); repair it or take it away"
        ) from None
