"""The losses of arXiv 2012.09740, on similarities and on a queue."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import unit

CHUNK_ROWS = 512

# For similarities (rows,) with the positive and (rows, negatives): the loss of each row.
AnchorLoss = Callable[[Tensor, Tensor], Tensor]


def softmax_loss(positive: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Returns the contrastive loss of each anchor, ``(rows,)`` (Eq. 1, and 9 of hard negatives).

    Args:
        positive: ``(rows,)``, similarities with the positive, which is in the denominator, too.
        negatives: ``(rows, negatives)``.
        temperature: Divides the similarities.
    """
    scores = torch.cat([positive[:, None], negatives], 1) / temperature
    return scores.logsumexp(1) - scores[:, 0]


def simple_loss(positive: Tensor, negatives: Tensor) -> Tensor:
    """Returns the loss without a softmax (Eq. 3), ``(rows,)``.

    The weight of the negatives is one over their number, the ratio in the limit of a large
    temperature (Eq. 7); the paper gives no value.
    """
    return negatives.mean(1) - positive


def relative_penalty(negatives: Tensor, temperature: float) -> Tensor:
    """Returns each negative's share of the push, ``(rows, negatives)`` (Eq. 5)."""
    return (negatives / temperature).softmax(1)


def contrast_hardest(
    q: Tensor, k: Tensor, queue: Tensor, count: int, anchor_loss: AnchorLoss
) -> Tensor:
    """Returns the mean over anchors of their loss against their nearest negatives.

    Several processes: the mean is over this process's anchors, so that averaged gradients are
    those of the global batch if all processes hold the same queue.

    Args:
        q: ``(batch, dim)``, of any norm.
        k: ``(batch, dim)``, of any norm; row i is the positive of row i of ``q``.
        queue: ``(length, dim)``, unit negatives.
        count: How many negatives of each anchor take part.
        anchor_loss: `simple_loss`, or `softmax_loss` at a temperature.
    """
    with torch.autocast(q.device.type, enabled=False):
        anchors, keys = unit(q), unit(k.detach())
        negatives = queue.detach().to(anchors.dtype)

        def row_loss(rows: slice, anchors: Tensor) -> Tensor:
            positive = (anchors[rows] * keys[rows]).sum(1)
            # Ties are broken by the columns, so that exactly ``count`` are kept (Eq. 8).
            kept = (anchors[rows] @ negatives.T).topk(count, dim=1).values
            return anchor_loss(positive, kept).sum()

        return sum_over_row_chunks(row_loss, len(q), CHUNK_ROWS, anchors) / len(q)


def named_loss(name: str, temperature: float) -> AnchorLoss:
    """Returns the anchor's loss of ``method.loss``."""
    return simple_loss if name == "simple" else partial(softmax_loss, temperature=temperature)
