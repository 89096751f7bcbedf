"""What a module's `training_step` receives from the image pipeline."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from common.data.sampler import BatchKey, lone_key
from common.errors import DataError, outline

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


# What is moved to the device before views are made or finished there.
Unfinished = ImageBatch | CutBatch


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


def move_batch(batch: Unfinished, device: torch.device) -> Unfinished:
    """Returns ``batch`` with its tensors on ``device``; raises `DataError` as `stacked`."""

    def move(tensor: Tensor) -> Tensor:
        # Nobody waits: the device's own queue keeps copies before what reads them.
        return tensor.to(device, non_blocking=True)

    labels = move(batch.labels)
    if isinstance(batch, ImageBatch):
        return batch._replace(images=move(stacked(batch.images)), labels=labels)
    cuts, crops = ([*map(move, parts)] for parts in (batch.cuts, batch.crops))
    sizes = None if batch.sizes is None else move(batch.sizes)
    return batch._replace(cuts=cuts, labels=labels, crops=crops, sizes=sizes)


def as_view_batch(batch: object, num_views: int | None = None) -> ViewBatch:
    """Returns a `ViewBatch` as it is, and makes one of ``(views, labels)`` or of the views alone.

    ``(views, labels, crops, sizes)`` also tells where the views were cut; the file names of
    ``(views, labels, names)`` are not read. The key is that of a batch by itself.

    Args:
        batch: ``views`` is a list of floating tensors (batch, channels, height, width).
        num_views: How many the method compares; None: any number.

    Raises:
        DataError: It is neither, or has other views.
    """
    if not isinstance(batch, ViewBatch):
        batch = _from_parts(batch)
    if num_views not in (None, len(batch.views)):
        raise DataError(f"{len(batch.views)} views: training_step compares {num_views}")
    return batch


def _from_parts(batch: Any) -> ViewBatch:
    if _are_views(batch):
        batch = batch, torch.full((len(batch[0]),), -1, device=batch[0].device)
    if isinstance(batch, list | tuple) and len(batch) == 3 and _are_names(batch[2]):
        batch = batch[:2]
    if not isinstance(batch, list | tuple) or len(batch) not in (2, 4) or not _are_views(batch[0]):
        raise DataError(
            f"{outline(batch)}: training_step takes (views, labels): a list of images "
            "(batch, channels, height, width), and labels (batch,)"
        )
    views, labels, *places = batch
    crops, sizes = places or ([], None)
    return ViewBatch(list(views), labels, lone_key(len(views[0])), crops, sizes)


def _are_names(found: Any) -> bool:
    return isinstance(found, list | tuple) and all(isinstance(name, str) for name in found)


def _are_views(found: Any) -> bool:
    """Tells whether ``found`` is a list of equally many images each."""
    if not isinstance(found, list | tuple) or not found:
        return False
    sizes = {len(view) if isinstance(view, Tensor) and view.ndim == 4 else 0 for view in found}
    return len(sizes) == 1 and 0 not in sizes
