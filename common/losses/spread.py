"""Alignment of partners and uniformity on the sphere (Wang and Isola, arXiv 2005.10242)."""

import torch
from torch import Tensor

from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import unit

CHUNK = 1024


def alignment(x: Tensor, y: Tensor, alpha: float = 2.0) -> Tensor:
    """Returns the mean of ``|x - y| ** alpha`` of rows at unit length, both ``(pairs, dim)``."""
    with torch.autocast(x.device.type, enabled=False):
        return (unit(x) - unit(y)).norm(dim=1).pow(alpha).mean()


def uniformity(x: Tensor, t: float = 2.0) -> Tensor:
    """Returns the log of the mean of ``exp(-t |x - y| ** 2)`` over pairs of ``x (rows, dim)``.

    Rows are brought to unit length; no matrix of all pairs is made. Several processes: of the
    rows that are given, so gather them before.
    """

    def row_sum(rows: slice, x: Tensor) -> Tensor:
        potential = _potential(x[rows], x[rows.start :], t)
        return (potential * torch.ones_like(potential).triu(1)).sum()

    with torch.autocast(x.device.type, enabled=False):
        x = unit(x)
        total = sum_over_row_chunks(row_sum, len(x), CHUNK, x)
        return (total / (len(x) * (len(x) - 1) / 2)).log()


def cross_uniformity(x: Tensor, y: Tensor, t: float = 2.0) -> Tensor:
    """Returns `uniformity` of each row of ``x`` with those of ``y`` that are not its partner.

    Args:
        x: ``(rows, dim)``, of any norm.
        y: The same shape; row i is the partner of row i of ``x``.
        t: Exponent of the Gaussian potential.
    """

    def row_sum(rows: slice, x: Tensor, y: Tensor) -> Tensor:
        potential = _potential(x[rows], y, t)
        others = torch.ones_like(potential)
        others.diagonal(rows.start).zero_()
        return (potential * others).sum()

    with torch.autocast(x.device.type, enabled=False):
        x, y = unit(x), unit(y)
        total = sum_over_row_chunks(row_sum, len(x), CHUNK, x, y)
        return (total / (len(x) * (len(x) - 1))).log()


def _potential(x: Tensor, y: Tensor, t: float) -> Tensor:
    """Returns ``exp(-t |x - y| ** 2)`` of unit rows, at most 1: no sum of it overflows."""
    # Not of differences: the gradient of a distance is undefined where rows are equal.
    return torch.exp(-t * (2 - 2 * x @ y.T).clamp(min=0))
