"""What a module's `training_step` receives from the picture pipeline."""

from typing import NamedTuple

from torch import Tensor

from common.data.sampler import BatchKey
from common.errors import DataError

# One tensor (num, channels, height, width), or pictures (channels, height, width) of any size.
Pictures = Tensor | list[Tensor]


class PictureBatch(NamedTuple):
    """Pictures as stored, before views are made.

    ``pictures``: (batch, channels, height, width), uint8 in 0..255 or floating in 0..1, or
    a list of pictures where they differ in size; ``labels``: (batch,), -1 where there is none.
    """

    pictures: Pictures
    labels: Tensor
    key: BatchKey


class CutBatch(NamedTuple):
    """Crops cut and resized where the pictures are read; the other operations are yet to come.

    ``cuts``: for each entry of ``data.views`` one uint8 tensor (count * batch, channels, size,
    size), view-major, and in ``crops`` (count * batch, 6), see `ViewBatch`, as ``sizes``.
    """

    cuts: list[Tensor]
    labels: Tensor
    key: BatchKey
    crops: list[Tensor]
    sizes: Tensor | None = None


class ViewBatch(NamedTuple):
    """Views of one batch, in the order of the recipe's ``data.views``.

    ``views``: one tensor (batch, channels, size, size) for each view; views of one entry of the
    recipe follow each other and have one size. ``labels``: (batch,). ``crops``: one tensor
    (batch, 6) for each view: top, left, height and width of the crop in pixels of the picture,
    1 where it was mirrored, and its rotation in radians; losses on feature maps find
    corresponding positions with it. ``sizes``: (batch, 2) height and width of the pictures that
    the crops are of.
    """

    views: list[Tensor]
    labels: Tensor
    key: BatchKey
    crops: list[Tensor]
    sizes: Tensor | None = None


def stacked(pictures: Pictures) -> Tensor:
    """Returns ``pictures`` as one tensor; raises `DataError` where they differ in size."""
    if isinstance(pictures, Tensor):
        return pictures
    first = pictures[0].shape
    other = next(picture.shape for picture in pictures if picture.shape != first)
    sizes = [f"{height} x {width}" for _, height, width in (first, other)]
    raise DataError(
        f"data.pipeline=batched: pictures differ in size ({', '.join(sizes)}); use hybrid"
    )
