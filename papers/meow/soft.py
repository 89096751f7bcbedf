"""AdaMEOW's learned pair weights and the loss they weigh, in memory that grows with N."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import upcast

ROWS_AT_A_TIME = 256  # of (rows, nodes) matrices; more are no faster
# Bounds of half the range of a side. A constant one has none; beyond the upper one some 530 terms
# in float32 would stand in for a tanh a pair.
SMALLEST, LARGEST = 5e-4, 40.0


class SoftWeights(nn.Module):
    """AdaMEOW's learned weight of a pair (code_adameow/module/adameow.py).

    ``gamma_ij = sigmoid(w2 . tanh(W1 (a_i + b_j) + b1) + b2)``, in float32 or wider, also under
    autocast.
    """

    def __init__(self, dim: int, hidden: int = 16) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, hidden)
        self.outer = nn.Linear(hidden, 1)

    def forward(self, anchor: Tensor, other: Tensor) -> Tensor:
        """Returns gamma: (anchors, others)."""
        with torch.autocast(anchor.device.type, enabled=False):
            logits, tensors = self._logits(upcast(anchor), upcast(other))
            return torch.sigmoid(logits(slice(None), *tensors))

    def _logits(self, anchor: Tensor, other: Tensor) -> tuple[Callable[..., Tensor], list[Tensor]]:
        """Returns how the logits of some rows are computed, and the tensors that it takes."""
        # W1 is linear, so it is applied to both views apart and never to (nodes, nodes, dim).
        sides = self.inner(anchor), F.linear(other, self.inner.weight)
        weight, bias = self.outer.weight[0], self.outer.bias
        middle, half = range_of(sides[0])
        if math.isfinite(half) and half > LARGEST:
            return logits_of_sides, [*sides, weight, bias]
        return logits_of_factors, [*pair_factors(*sides, weight, middle, half), bias]

    def loss(self, anchor: Tensor, other: Tensor, temperature: float) -> Tensor:
        """``mean_i [ log sum_j gamma_ij exp(s_ij / t) - s_ii / t ]``, j = i included.

        Under several processes both views are gathered and each computes all rows.

        Args:
            anchor: (anchors, dim) unit rows; in training the fine view.
            other: (nodes, dim) unit rows; in training the coarse view. The first ``anchors`` rows
                are the positives, in order.
            temperature: Temperature of the softmax.
        """

        def row_loss(rows: slice, anchor: Tensor, other: Tensor, *tensors: Tensor) -> Tensor:
            logits = anchor[rows] @ other.T / temperature
            log_gamma = F.logsigmoid(pair_logits(rows, *tensors))
            positive = (anchor[rows] * other[rows]).sum(1) / temperature
            return (torch.logsumexp(logits + log_gamma, 1) - positive).sum()

        with torch.autocast(anchor.device.type, enabled=False):
            views = upcast(anchor), upcast(other)
            pair_logits, tensors = self._logits(*views)
            total = sum_over_row_chunks(row_loss, len(anchor), ROWS_AT_A_TIME, *views, *tensors)
        return total / len(anchor)


def logits_of_factors(rows: slice, left: Tensor, right: Tensor, bias: Tensor) -> Tensor:
    """Returns the logits of gamma ``(rows, others)``, of the factors of `pair_factors`."""
    return torch.addmm(bias, left[rows], right.T)


def logits_of_sides(rows: slice, a: Tensor, b: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns the same by a tanh a pair; memory grows with ``rows * others * hidden``."""
    return torch.tanh(a[rows, None] + b) @ weight + bias


def range_of(a: Tensor) -> tuple[Tensor, float]:
    """Returns the middle of each column, (hidden,) in float64, and half the widest one's range."""
    low, high = torch.aminmax(a.detach().to(torch.float64), dim=0)
    return (low + high) / 2, float((high - low).max()) / 2


def pair_factors(
    a: Tensor, b: Tensor, weight: Tensor, middle: Tensor, half: float
) -> tuple[Tensor, Tensor]:
    """Factors ``sum_h w_h tanh(a_ih + b_jh)`` into ``left @ right.T``, equal to rounding.

    ``tanh(a + b)`` is a sum of ``T_n(a) c_n(b)`` over the Chebyshev polynomials on the range of
    ``a``, its coefficients those of the interpolation in their roots: a product of matrices stands
    in for a tanh a pair. They are made in float64, since a derivative magnifies term n by n^2.

    Args:
        a: (anchors, hidden).
        b: (others, hidden).
        weight: (hidden,).
        middle: (hidden,), with ``half`` the range of ``a``: `range_of`.

    Returns:
        (anchors, hidden * terms) and (others, hidden * terms); 20 terms in float32 where the widest
        column of ``a`` spans 2, more as it spans more. NaN where ``a`` or ``b`` is not finite.
    """
    anchors, others = a.to(torch.float64), b.to(torch.float64)
    half = max(half, SMALLEST) if math.isfinite(half) else 1.0
    terms = chebyshev_terms(half, torch.finfo(a.dtype).eps)
    angles = (torch.arange(terms, device=a.device, dtype=torch.float64) + 0.5) * math.pi / terms
    scaled = (anchors - middle) / half
    polynomials = [torch.ones_like(scaled), scaled]
    while len(polynomials) < terms:
        polynomials.append(2 * scaled * polynomials[-1] - polynomials[-2])
    at_roots = torch.tanh(others.unsqueeze(2) + middle.unsqueeze(1) + half * angles.cos())
    cosines = torch.cos(torch.arange(terms).to(angles).unsqueeze(1) * angles) * 2 / terms
    cosines[0] /= 2
    left = torch.stack(polynomials, 2) * weight.to(torch.float64).unsqueeze(1)
    return left.flatten(1).to(a), (at_roots @ cosines.T).flatten(1).to(b)


def chebyshev_terms(half: float, accuracy: float) -> int:
    """Returns how many terms tanh needs on a range of ``2 * half`` for ``accuracy``.

    Each coefficient is smaller than the one before by the size of the largest ellipse around the
    range that leaves out the poles, at ``pi / 2`` from the real axis.
    """
    pole = math.pi / 2 / half
    return 3 + math.ceil(math.log(100 / accuracy) / math.asinh(pole))
