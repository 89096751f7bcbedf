"""Whitening of shuffled groups of channels (arXiv 2305.17746, section 3)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from common.distributed.collectives import all_reduce_sum_with_grad, world_size
from common.losses.precision import upcast


class InverseRoot(torch.autograd.Function):
    """The symmetric ``C^(-1/2)`` of positive definite ``C (groups, size, size)``.

    Its gradient is also right for equal eigenvalues, where that of ``eigh`` is not a number.
    """

    @staticmethod
    def forward(ctx: Any, c: Tensor) -> Tensor:
        """Returns the roots, of the same shape."""
        values, vectors = torch.linalg.eigh(c)
        roots = values.sqrt()
        ctx.save_for_backward(roots, vectors)
        return (vectors / roots[:, None]) @ vectors.mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Returns the gradient for ``c``, by the form of Daleckii and Krein."""
        roots, vectors = ctx.saved_tensors
        a, b = roots[:, :, None], roots[:, None]
        # (1/a - 1/b) / (a^2 - b^2) without the difference that may be 0.
        slopes = -1 / (a * b * (a + b))
        symmetric = (gradients[0] + gradients[0].mT) / 2
        return vectors @ (slopes * (vectors.mT @ symmetric @ vectors)) @ vectors.mT


def whitening_matrix(c: Tensor, kind: str) -> Tensor:
    """Returns W of each group, with ``W^T C W`` the identity, ``(groups, size, size)``.

    Args:
        c: Covariances, of the same shape.
        kind: ``zca`` (no gradient), ``zca-through`` or ``cholesky``.
    """
    if kind == "cholesky":
        lower = torch.linalg.cholesky(c)
        identity = torch.eye(c.shape[-1], dtype=c.dtype, device=c.device).expand_as(c)
        return torch.linalg.solve_triangular(lower, identity, upper=False).mT
    root: Tensor = InverseRoot.apply(c.detach() if kind == "zca" else c)
    return root


def group_whitening(
    x: Tensor,
    permutation: Tensor,
    groups: int,
    kind: str = "zca",
    eps: float = 0.0,
    sync: bool = False,
) -> Tensor:
    """Returns ``x (rows, dim)`` with each group of channels whitened over the rows.

    The result is centred, in float32 or wider, and its covariance (divisor: rows) within a group
    is the identity. Covariances are decomposed on the CPU, as in the published code, in float64.

    Args:
        x: More rows than a group has channels.
        permutation: Of the channels, ``(dim,)``; consecutive ones of the permuted are a group. The
            result has the order of ``x``.
        groups: Their number, which divides ``dim``.
        kind: As in `whitening_matrix`.
        eps: Is added to the variances.
        sync: Whether the rows are those of all processes.
    """
    with torch.autocast(x.device.type, enabled=False):
        y = upcast(x)[:, permutation].unflatten(1, (groups, -1))  # (rows, groups, size)
        rows = len(y) * (world_size() if sync else 1)
        total = all_reduce_sum_with_grad if sync else torch.clone
        y = y - total(y.sum(0)) / rows
        wide = y if y.device.type == "mps" else y.double()  # which has no float64
        c = total(torch.einsum("ngi,ngj->gij", wide, wide)).cpu().double() / rows
        w = whitening_matrix(c + eps * torch.eye(c.shape[-1], dtype=c.dtype), kind).to(y)
        return torch.einsum("ngi,gij->ngj", y, w).flatten(1)[:, permutation.argsort()]


def whiten_views(h: Tensor, permutations: Sequence[Tensor], layout: str, **how: Any) -> Tensor:
    """Returns whitened views in the places of ``h (batch * views, dim)``, row ``views * i + k``.

    Args:
        h: View k of sentence i in row ``views * i + k``.
        permutations: One a view, each ``(dim,)``.
        layout: ``view`` whitens each view with its own permutation; ``code`` each of as many
            contiguous chunks of rows.
        how: Other arguments of `group_whitening`.
    """
    views = len(permutations)
    by_view = layout == "view"
    parts = h.unflatten(0, (-1, views)).unbind(1) if by_view else h.chunk(views)
    pairs = zip(parts, permutations, strict=True)
    whitened = [group_whitening(part, own, **how) for part, own in pairs]
    return torch.stack(whitened, 1).flatten(0, 1) if by_view else torch.cat(whitened)
