"""Alignment and uniformity on the sphere (Wang and Isola, arXiv 2005.10242), effective ranks."""

import torch
from torch import Tensor

from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import unit, upcast

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


@torch.no_grad()
def effective_rank(z: Tensor, centre: bool = True) -> Tensor:
    """Returns exp of the entropy of the normalised singular values of ``(batch, dim)``.

    Roy and Vetterli, EUSIPCO 2007. 1 for points on a line, at most ``dim``; 0 for one point.

    Args:
        z: In any precision; measured in float32 or wider.
        centre: Take the mean row off first.
    """
    z = upcast(z)
    values = torch.linalg.svdvals(z - z.mean(dim=0) if centre else z)
    total = values.sum()
    shares = values / total.clamp(min=1e-12)
    entropy = torch.special.entr(shares).sum()
    return torch.where(total > 1e-6, entropy.exp(), torch.zeros_like(total))


@torch.no_grad()
def rank_me(z: Tensor, eps: float = 1e-7) -> Tensor:
    """Returns RankMe of ``(rows, dim)`` (Garrido et al., ICML 2023, Eq. 1).

    exp of the entropy of the singular values over their sum, to each of which ``eps`` is added.
    The mean row stays in.
    """
    values = torch.linalg.svdvals(upcast(z))
    return torch.special.entr(values / values.sum() + eps).sum().exp()


def _potential(x: Tensor, y: Tensor, t: float) -> Tensor:
    """Returns ``exp(-t |x - y| ** 2)`` of unit rows, at most 1: no sum of it overflows."""
    # Not of differences: the gradient of a distance is undefined where rows are equal.
    return torch.exp(-t * (2 - 2 * x @ y.T).clamp(min=0))
