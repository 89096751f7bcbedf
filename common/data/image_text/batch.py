"""What a module's `training_step` receives from the pipeline of images with texts."""

from typing import Any, NamedTuple

from torch import Tensor

from common.data.sampler import BatchKey, lone_key
from common.errors import DataError, outline


class PairBatch(NamedTuple):
    """Images with a text each, row by row; view 0 is the weak one.

    ``images``: (batch, 1 + A, channels, size, size); ``ids``: (batch, 1 + A, tokens) int64, padded
    to the longest text; ``mask``: the same shape, True at tokens, the last of which is ``eot``.
    ``extra_ids`` and ``extra_mask``: (extra, tokens), hard captions in the order of the rows, or
    None. With hard images the second half of the rows are near images of the first half, and key
    tells of the first half.
    """

    images: Tensor
    ids: Tensor
    mask: Tensor
    extra_ids: Tensor | None
    extra_mask: Tensor | None
    key: BatchKey


def as_pair_batch(batch: object, eot: int) -> PairBatch:
    """Returns a `PairBatch` as it is, and makes one of plain images and texts.

    Args:
        batch: ``(images, ids)`` or ``(images, ids, mask)``: (batch, channels, height, width) and
            (batch, tokens), or with a dimension of views behind the batch in all.
        eot: The token that ends a text; without a mask a text goes up to its first one.

    Raises:
        DataError: It is none of these.
    """
    if isinstance(batch, PairBatch):
        return batch
    parts = list(batch) if isinstance(batch, list | tuple) else []
    if len(parts) not in (2, 3) or not _fit(*parts[:2]):
        raise DataError(
            f"{outline(batch)}: training_step takes (images, ids) or (images, ids, mask): images "
            "(batch, channels, height, width), the others (batch, tokens); a PairBatch holds hard "
            "captions too"
        )
    if parts[0].ndim == 4:
        parts = [part.unsqueeze(1) for part in parts]
    images, ids, *masks = parts
    mask = masks[0].bool() if masks else up_to_first(ids, eot)
    return PairBatch(images, ids, mask, None, None, lone_key(len(images)))


def up_to_first(ids: Tensor, eot: int) -> Tensor:
    """Returns a mask (..., tokens): True up to the first ``eot``, or all where there is none."""
    ends = ids == eot
    return ends.cumsum(-1) - ends.long() == 0


def _fit(images: Any, ids: Any) -> bool:
    """Tells whether these are images and as many texts, or views of both."""
    if not isinstance(images, Tensor) or not isinstance(ids, Tensor):
        return False
    leading = images.ndim - 3
    return (
        leading in (1, 2) and ids.ndim == leading + 1 and images.shape[:leading] == ids.shape[:-1]
    )
