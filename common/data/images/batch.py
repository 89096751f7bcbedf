"""What a module's `training_step` receives from the image pipeline."""

from typing import NamedTuple

from torch import Tensor

from common.data.sampler import BatchKey
from common.errors import DataError

# One tensor (num, channels, height, width), or images (channels, height, width) of any size.
Images = Tensor | list[Tensor]


class ImageBatch(NamedTuple):
    """Images as stored, before views are made.

    ``images``: (batch, channels, height, width), uint8 in 0..255 or floating in 0..1, or
    a list of images where they differ in size; ``labels``: (batch,), -1 where there is none.
    """

    images: Images
    labels: Tensor
    key: BatchKey


class CutBatch(NamedTuple):
    """Crops cut and resized where the images are read; the other operations are yet to come.

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
    (batch, 6) for each view: top, left, height and width of the crop in pixels of the image,
    1 where it was mirrored, and its rotation in radians; losses on feature maps find
    corresponding positions with it. ``sizes``: (batch, 2) height and width of the images that
    the crops are of.
    """

    views: list[Tensor]
    labels: Tensor
    key: BatchKey
    crops: list[Tensor]
    sizes: Tensor | None = None


def stacked(images: Images) -> Tensor:
    """Returns ``images`` as one tensor; raises `DataError` where they differ in size."""
    if isinstance(images, Tensor):
        return images
    first = images[0].shape
    other = next(image.shape for image in images if image.shape != first)
    sizes = [f"{height} x {width}" for _, height, width in (first, other)]
    raise DataError(
        f"data.pipeline=batched: images differ in size ({', '.join(sizes)}); use hybrid"
    )
