"""The contrast of images with their texts (CLIP, arXiv 2103.00020, section 2.3)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import gather_with_grad, rank
from common.losses.chunked import sum_over_row_chunks
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
    """
    with torch.autocast(u.device.type, enabled=False):
        images, texts = unit(u), unit(v)
        all_images, all_texts = gather_with_grad(images), gather_with_grad(texts)
        if extra is not None:
            all_texts = torch.cat([all_texts, gather_with_grad(unit(extra))])
        first = rank() * len(u)
        image_to_text = one_direction(images, all_texts, log_scale, first, smoothing)
        text_to_image = one_direction(texts, all_images, log_scale, first, smoothing)
        total = image_weight * image_to_text + (1 - image_weight) * text_to_image
    return ClipLoss(total, image_to_text, text_to_image)


def one_direction(
    rows: Tensor, columns: Tensor, log_scale: Tensor, first: int = 0, smoothing: float = 0.0
) -> Tensor:
    """Returns the mean over rows of the cross-entropy of their partner among the columns.

    Args:
        rows: ``(rows, dim)``, of unit length.
        columns: ``(columns, dim)``, likewise.
        log_scale: A scalar.
        first: The column of the first row's partner; the others follow it.
        smoothing: The share of the target that is spread over all columns.
    """
    partner = first + torch.arange(len(rows), device=rows.device)

    def row_loss(chunk: slice, rows: Tensor, columns: Tensor, log_scale: Tensor) -> Tensor:
        scores = log_scale.exp() * rows[chunk] @ columns.T
        return F.cross_entropy(scores, partner[chunk], reduction="sum", label_smoothing=smoothing)

    given = (rows, columns, upcast(log_scale))
    return sum_over_row_chunks(row_loss, len(rows), CHUNK_ROWS, *given) / len(rows)
