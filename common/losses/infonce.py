"""Contrast of each view with its partner against all others (InfoNCE, NT-Xent)."""

import torch
from torch import Tensor

from common.distributed.collectives import gather_with_grad, rank
from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import unit

CHUNK_ROWS = 512


def nt_xent(
    z1: Tensor, z2: Tensor, temperature: float, positive_in_denominator: bool = True
) -> Tensor:
    """Returns NT-Xent over both views of the batch, both directions (arXiv 2002.05709, Eq. 1).

    The mean over anchors of ``-log exp(s_ij / t) / sum_k exp(s_ik / t)``, s the cosine, k over all
    other views. In float32 or wider; memory grows with ``CHUNK_ROWS * 2 * batch``.

    Several processes: negatives are of the global batch, gathered with gradient, and the mean is
    over this process's anchors, so that averaged gradients are those of the global batch.

    Args:
        z1: ``(batch, dim)``, of any norm.
        z2: ``(batch, dim)``; row i is the partner of row i of ``z1``.
        temperature: Divides the cosines.
        positive_in_denominator: False leaves the partner out of the sum over k.
    """
    with torch.autocast(z1.device.type, enabled=False):
        own = torch.stack([unit(z1), unit(z2)])  # (2, batch, dim)
        # By view, then by process: partners are half of the columns apart.
        columns = torch.cat([gather_with_grad(own[0]), gather_with_grad(own[1])])
        batch, total = len(z1), len(columns)
        first = torch.arange(batch, device=z1.device) + rank() * batch
        itself = torch.cat([first, first + total // 2])
        partner = (itself + total // 2) % total

        def row_loss(rows: slice, anchors: Tensor, others: Tensor) -> Tensor:
            scores = anchors[rows] @ others.T / temperature
            positive = scores.gather(1, partner[rows, None])
            left_out = itself[rows, None]
            if not positive_in_denominator:
                left_out = torch.cat([left_out, partner[rows, None]], 1)
            scores = scores.scatter(1, left_out, -torch.inf)
            return (scores.logsumexp(1) - positive[:, 0]).sum()

        anchors = own.flatten(0, 1)
        return sum_over_row_chunks(row_loss, len(anchors), CHUNK_ROWS, anchors, columns) / len(
            anchors
        )


def queue_info_nce(q: Tensor, k: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Returns InfoNCE of queries against their key and a queue (arXiv 1911.05722, Eq. 1).

    The mean of ``-log exp(q.k / t) / (exp(q.k / t) + sum_n exp(q.queue_n / t))`` over queries. In
    float32 or wider; memory grows with ``CHUNK_ROWS * length``. No gradient reaches keys or queue.

    Several processes: the mean is over this process's queries, so that averaged gradients are
    those of the global batch if all processes hold the same queue.

    Args:
        q: ``(batch, dim)``, of any norm.
        k: ``(batch, dim)``, of any norm; row i is the positive of row i of ``q``.
        queue: ``(length, dim)``, unit keys of earlier batches.
        temperature: Divides the cosines.
    """
    with torch.autocast(q.device.type, enabled=False):
        anchors, keys = unit(q), unit(k.detach())
        negatives = queue.detach().to(anchors.dtype)

        def row_loss(rows: slice, anchors: Tensor) -> Tensor:
            positive = (anchors[rows] * keys[rows]).sum(1, keepdim=True)
            scores = torch.cat([positive, anchors[rows] @ negatives.T], 1) / temperature
            return (scores.logsumexp(1) - scores[:, 0]).sum()

        return sum_over_row_chunks(row_loss, len(q), CHUNK_ROWS, anchors) / len(q)
