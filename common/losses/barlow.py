"""Redundancy reduction: the cross-correlation of two views is driven to the identity."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import gather_with_grad
from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import upcast

CHUNK_ROWS = 512
UNBIASED_EPS = 1e-9  # AMCL's
# Keeps the root's slope finite where a column is constant; its own value is then UNBIASED_EPS's.
LEAST_VARIANCE = 1e-30


def barlow_twins(
    z1: Tensor, z2: Tensor, off_diagonal_weight: float, unbiased_eps: float | None = None
) -> Tensor:
    """Returns ``sum_i (1 - C_ii)^2 + weight * sum_{i != j} C_ij^2`` (arXiv 2103.03230, Eq. 1).

    In float32 or wider; memory grows with ``CHUNK_ROWS * dim``, not with ``dim * dim``.

    Several processes: means, deviations and correlations are of the global batch, gathered with
    gradient. Every process returns the same loss.

    Args:
        z1: ``(batch, dim)``, projections of the first view; a global batch of at least 2.
        z2: ``(batch, dim)`` of the second view.
        off_diagonal_weight: The paper's lambda.
        unbiased_eps: As in `standardise`.
    """
    with torch.autocast(z1.device.type, enabled=False):
        x, y = (standardise(gather_with_grad(upcast(z)), unbiased_eps) for z in (z1, z2))
        return distance_to_identity(x, y, off_diagonal_weight)


def distance_to_identity(x: Tensor, y: Tensor, off_diagonal_weight: float) -> Tensor:
    """Returns `barlow_twins` of what is not standardised here: x and y, both ``(batch, dim)``."""

    def row_loss(rows: slice, x: Tensor, y: Tensor) -> Tensor:
        correlations = correlate(x[:, rows], y)
        diagonal = correlations.diagonal(rows.start)
        redundancy = correlations.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + off_diagonal_weight * redundancy

    return sum_over_row_chunks(row_loss, x.shape[1], CHUNK_ROWS, x, y)


def standardise(z: Tensor, unbiased_eps: float | None = None) -> Tensor:
    """Returns ``(batch, dim)`` with columns of mean 0 and deviation 1; constant ones become 0.

    As in the authors' code by default: batch norm, whose deviation is of ``batch``, so that
    identical views have 1 on the diagonal of `correlate`. In AMCL's code the deviation is of
    ``batch - 1``, and they have (batch - 1) / batch.

    Args:
        z: ``(batch, dim)``, 2 rows at least.
        unbiased_eps: Not None: divides by the unbiased deviation plus this number.
    """
    if unbiased_eps is None:
        return F.batch_norm(z, None, None, training=True)
    centred = z - z.mean(0)
    variance = centred.square().sum(0) / (len(z) - 1)
    return centred / (variance.clamp(min=LEAST_VARIANCE).sqrt() + unbiased_eps)


def correlate(x: Tensor, y: Tensor) -> Tensor:
    """Returns the mean products of columns, ``(columns of x, columns of y)``."""
    return x.T @ y / len(x)
