"""The contrast of images with their texts (CLIP, arXiv 2103.00020, section 2.3)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import gather, gather_with_grad, rank
from common.losses.chunked import sum_over_row_chunks
from common.losses.duplicates import cross_entropy_without, duplicates
from common.losses.precision import unit, upcast

CHUNK_ROWS = 512


class ClipLoss(NamedTuple):
    """The loss and its two directions, each a scalar."""

    total: Tensor
    image_to_text: Tensor
    text_to_image: Tensor


def clip_loss(
    u: Tensor,
    v: Tensor,
    log_scale: Tensor,
    extra: Tensor | None = None,
    smoothing: float = 0.0,
    image_weight: float = 0.5,
    keys: Tensor | None = None,
    extra_keys: Tensor | None = None,
) -> ClipLoss:
    """Returns the cross-entropy of each row's partner, from images to texts and back.

    All rows are brought to unit length first, and scores are ``exp(log_scale)`` times cosines.
    ``total = image_weight * image_to_text + (1 - image_weight) * text_to_image``. In float32 or
    wider; memory grows with ``CHUNK_ROWS * texts``.

    Several processes: columns are those of the global batch, gathered with gradient, and the mean
    is over this process's rows, so that averaged gradients are those of the global batch.

    Args:
        u: Images, ``(batch, dim)``, of any norm.
        v: Texts, ``(batch, dim)``; row i is the partner of row i of ``u``.
        log_scale: A scalar, the logarithm of the inverse temperature.
        extra: ``(extra, dim)``, texts without an image, such as false captions: further columns for
            all images, and no rows. Each process has as many.
        smoothing: The share of the target that is spread over all columns.
        image_weight: Weight of the direction from images to texts.
        keys: ``(batch, keys)`` int64, what stands for the texts of a row (`token_keys`): where rows
            have an equal one, none is a negative of the other. None: all others are negatives.
        extra_keys: ``(extra,)``, those of ``extra``; both or neither.
    """
    with torch.autocast(u.device.type, enabled=False):
        images, texts = unit(u), unit(v)
        all_images, all_texts = gather_with_grad(images), gather_with_grad(texts)
        if extra is not None:
            all_texts = torch.cat([all_texts, gather_with_grad(unit(extra))])
        of_texts = of_images = None if keys is None else gather(keys)
        if of_images is not None and extra_keys is not None:
            repeated = gather(extra_keys)[:, None].expand(-1, of_images.shape[1])
            of_texts = torch.cat([of_images, repeated])
        first = rank() * len(u)
        image_to_text = one_direction(images, all_texts, log_scale, first, smoothing, of_texts)
        text_to_image = one_direction(texts, all_images, log_scale, first, smoothing, of_images)
        total = image_weight * image_to_text + (1 - image_weight) * text_to_image
    return ClipLoss(total, image_to_text, text_to_image)


def one_direction(
    rows: Tensor,
    columns: Tensor,
    log_scale: Tensor,
    first: int = 0,
    smoothing: float = 0.0,
    keys: Tensor | None = None,
) -> Tensor:
    """Returns the mean over rows of the cross-entropy of their partner among the columns.

    Args:
        rows: ``(rows, dim)``, of unit length.
        columns: ``(columns, dim)``, likewise.
        log_scale: A scalar.
        first: The column of the first row's partner; the others follow it.
        smoothing: The share of the target that is spread over all columns.
        keys: ``(columns, keys)`` or None. Columns that share one with a row's partner are left out
            of the row's sum.
    """
    partner = first + torch.arange(len(rows), device=rows.device)

    def row_loss(chunk: slice, rows: Tensor, columns: Tensor, log_scale: Tensor) -> Tensor:
        scores = log_scale.exp() * rows[chunk] @ columns.T
        own = partner[chunk]
        if keys is None:
            return F.cross_entropy(scores, own, reduction="sum", label_smoothing=smoothing)
        left_out = duplicates(keys, own)
        return cross_entropy_without(scores, own, left_out, smoothing)

    given = (rows, columns, upcast(log_scale))
    return sum_over_row_chunks(row_loss, len(rows), CHUNK_ROWS, *given) / len(rows)
