"""What a module's `training_step` receives from the picture pipeline."""

from typing import NamedTuple

from torch import Tensor

from common.data.sampler import BatchKey


class PictureBatch(NamedTuple):
    """Pictures as stored, before views are made.

    ``pictures``: (batch, channels, height, width), uint8 in 0..255 or floating in 0..1;
    ``labels``: (batch,), -1 where there is none.
    """

    pictures: Tensor
    labels: Tensor
    key: BatchKey


class ViewBatch(NamedTuple):
    """Views of one batch, in the order of the recipe's ``data.views``.

    ``views``: one tensor (batch, channels, size, size) for each view; views of one entry of the
    recipe follow each other and have one size. ``labels``: (batch,). ``crops``: one tensor
    (batch, 6) for each view: top, left, height and width of the crop in pixels of the picture,
    1 where it was mirrored, and its rotation in radians; losses on feature maps find
    corresponding positions with it.
    """

    views: list[Tensor]
    labels: Tensor
    key: BatchKey
    crops: list[Tensor]
