"""Supervised contrast: all other samples of a class attract each other (SupCon)."""

import torch
from torch import Tensor

from common.distributed.collectives import (
    all_reduce_sum,
    gather,
    gather_with_grad,
    rank,
    world_size,
)
from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import upcast

CHUNK_ROWS = 512


def supcon(z: Tensor, labels: Tensor, temperature: float, partners: Tensor | None = None) -> Tensor:
    """Returns SupCon over all views of the batch (arXiv 2004.11362, Eq. 2, "out").

    The mean over anchors i of ``-mean_p log exp(s_ip / t) / sum_a exp(s_ia / t)``: s the scalar
    product, p over the positives of i, a over all rows but i. Anchors without a positive are left
    out of the mean; without any the loss is 0. In float32 or wider; memory grows with
    ``CHUNK_ROWS * views * batch``.

    Several processes: positives and negatives are of the global batch, gathered with gradient, so
    that averaged gradients are those of the global batch.

    Args:
        z: ``(views, batch, dim)``, taken as they are: normalise them first.
        labels: ``(batch,)``, equal or not; they may be numbers of any kind.
        temperature: Divides the scalar products.
        partners: ``(batch,)``, the label of each anchor's positives; default: its own.
    """
    views, batch = z.shape[:2]
    # By view, then by process: rows of one view follow each other.
    keys = torch.cat([gather_with_grad(upcast(view)) for view in z])
    key_labels = gather(labels).repeat(views)
    first = torch.arange(views, device=z.device) * (batch * world_size()) + rank() * batch
    itself = (first[:, None] + torch.arange(batch, device=z.device)).flatten()
    wanted = (labels if partners is None else partners).repeat(views)
    total, counted = class_contrast(
        upcast(z).flatten(0, 1), keys, wanted, key_labels, temperature, itself
    )
    # Several processes may have unlike numbers of anchors with a positive.
    return total / (all_reduce_sum(counted) / world_size()).clamp(min=1 / world_size())


def class_contrast(
    anchors: Tensor,
    keys: Tensor,
    wanted: Tensor,
    key_labels: Tensor,
    temperature: float,
    itself: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns the sum of Eq. 2's terms over the anchors that have a positive, and their number.

    Args:
        anchors: ``(anchors, dim)``.
        keys: ``(keys, dim)``, of all processes if there are several.
        wanted: ``(anchors,)``, the label of each anchor's positives.
        key_labels: ``(keys,)``.
        temperature: Divides the scalar products.
        itself: ``(anchors,)``, the key that is the anchor and takes no part; null: there is none.
    """

    def row_loss(rows: slice, anchors: Tensor, keys: Tensor) -> Tensor:
        scores = anchors[rows] @ keys.T / temperature
        positive = wanted[rows, None] == key_labels
        if itself is not None:
            positive = positive.scatter(1, itself[rows, None], False)
            # Finite, since a row may have nothing but itself: its term is then 0 and not NaN.
            lowest = torch.finfo(scores.dtype).min
            scores = scores.scatter(1, itself[rows, None], lowest)
        count = positive.sum(1)
        agreement = scores.masked_fill(~positive, 0).sum(1) / count.clamp(min=1)
        return ((scores.logsumexp(1) - agreement) * (count > 0)).sum()

    with torch.autocast(anchors.device.type, enabled=False):
        anchors, keys = upcast(anchors), upcast(keys)
        total = sum_over_row_chunks(row_loss, len(anchors), CHUNK_ROWS, anchors, keys)
    return total, _with_positive(wanted, key_labels, itself).sum().to(total.dtype)


def count_label(wanted: Tensor, labels: Tensor) -> Tensor:
    """Returns how many of ``labels (keys,)`` equal each of ``wanted (anchors,)``."""
    # Rows at a time, and no sorting: a GPU would have to be waited for.
    return torch.cat([(part[:, None] == labels).sum(1) for part in wanted.split(CHUNK_ROWS)])


def _with_positive(wanted: Tensor, key_labels: Tensor, itself: Tensor | None) -> Tensor:
    """Tells for each anchor whether a key other than itself has the label it wants."""
    found = count_label(wanted, key_labels)
    return found > 0 if itself is None else found > (key_labels[itself] == wanted)
