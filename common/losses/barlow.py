"""Redundancy reduction: the cross-correlation of two views is driven to the identity."""

import torch
from torch import Tensor

from common.distributed.collectives import gather_with_grad
from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import upcast

CHUNK_ROWS = 512
STD_EPS = 1e-9
# Keeps the root's slope finite where a column is constant; its own value is then STD_EPS's.
LEAST_VARIANCE = 1e-30


def barlow_twins(
    z1: Tensor, z2: Tensor, off_diagonal_weight: float, std_eps: float = STD_EPS
) -> Tensor:
    """Returns ``sum_i (1 - C_ii)^2 + weight * sum_{i != j} C_ij^2`` (arXiv 2103.03230, Eq. 1).

    In float32 or wider; memory grows with ``CHUNK_ROWS * dim``, not with ``dim * dim``.

    Several processes: means, deviations and correlations are of the global batch, gathered with
    gradient. Every process returns the same loss.

    Args:
        z1: ``(batch, dim)``, projections of the first view; a global batch of at least 2.
        z2: ``(batch, dim)`` of the second view.
        off_diagonal_weight: The paper's lambda.
        std_eps: Added to the deviations that columns are divided by.
    """
    with torch.autocast(z1.device.type, enabled=False):
        x, y = (standardise(gather_with_grad(upcast(z)), std_eps) for z in (z1, z2))

        def row_loss(rows: slice, x: Tensor, y: Tensor) -> Tensor:
            correlations = correlate(x[:, rows], y)
            diagonal = correlations.diagonal(rows.start)
            redundancy = correlations.square().sum() - diagonal.square().sum()
            return (1 - diagonal).square().sum() + off_diagonal_weight * redundancy

        return sum_over_row_chunks(row_loss, x.shape[1], CHUNK_ROWS, x, y)


def standardise(z: Tensor, std_eps: float = STD_EPS) -> Tensor:
    """Returns ``(batch, dim)`` with columns of mean 0 and unbiased deviation 1.

    Constant columns become 0. The deviation is of ``batch - 1``, the mean product in `correlate` of
    ``batch``: identical views have (batch - 1) / batch on the diagonal, as in AMCL's code. In that
    of Barlow Twins, which divides by the biased deviation, they have 1.
    """
    centred = z - z.mean(0)
    variance = centred.square().sum(0) / (len(z) - 1)
    return centred / (variance.clamp(min=LEAST_VARIANCE).sqrt() + std_eps)


def correlate(x: Tensor, y: Tensor) -> Tensor:
    """Returns the mean products of columns, ``(columns of x, columns of y)``."""
    return x.T @ y / len(x)
