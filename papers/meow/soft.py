"""AdaMEOW's learned pair weights and the loss they weigh, in memory that grows with N."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.chunked import sum_over_row_chunks

# The pair function holds (hidden, rows, nodes) at a time: few rows stay in the cache.
ROWS_AT_A_TIME = 16
# e^(2x) of larger arguments could give 0 * inf; tanh has been 1 for long.
LARGEST = 40.0


class SoftWeights(nn.Module):
    """AdaMEOW's learned weight of a pair (code_adameow/module/adameow.py).

    ``gamma_ij = sigmoid(w2 . tanh(W1 (a_i + b_j) + b1) + b2)``.
    """

    def __init__(self, dim: int, hidden: int = 16) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, hidden)
        self.outer = nn.Linear(hidden, 1)

    def forward(self, anchor: Tensor, other: Tensor) -> Tensor:
        """Returns gamma: (anchors, others); holds (hidden, anchors, others)."""
        return torch.sigmoid(pair_logits(*self._sides(anchor, other), *self._outer))

    def _sides(self, anchor: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        # W1 is linear, so it is applied to both views apart and never to (nodes, nodes, dim).
        return self.inner(anchor), F.linear(other, self.inner.weight)

    @property
    def _outer(self) -> tuple[Tensor, Tensor]:
        return self.outer.weight[0], self.outer.bias

    def loss(self, anchor: Tensor, other: Tensor, temperature: float) -> Tensor:
        """``mean_i [ log sum_j gamma_ij exp(s_ij / t) - s_ii / t ]``, j = i included.

        Under several processes both views are gathered and each computes all rows.

        Args:
            anchor: (anchors, dim) unit rows; in training the fine view.
            other: (nodes, dim) unit rows; in training the coarse view. The first ``anchors`` rows
                are the positives, in order.
            temperature: Of the softmax.
        """

        def row_loss(
            rows: slice,
            anchor: Tensor,
            other: Tensor,
            a: Tensor,
            b: Tensor,
            w: Tensor,
            bias: Tensor,
        ) -> Tensor:
            logits = anchor[rows] @ other.T / temperature
            log_gamma = F.logsigmoid(pair_logits(a[rows], b, w, bias))
            positive = (anchor[rows] * other[rows]).sum(1) / temperature
            return (torch.logsumexp(logits + log_gamma, 1) - positive).sum()

        tensors = (anchor, other, *self._sides(anchor, other), *self._outer)
        total = sum_over_row_chunks(row_loss, len(anchor), ROWS_AT_A_TIME, *tensors)
        return total / len(anchor)


def pair_logits(a: Tensor, b: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns ``sum_h w_h tanh(a_ih + b_jh) + bias``: (anchors, others).

    With ``r = 1 / (1 + e^2a e^2b)``, ``tanh(a + b) = 1 - 2 r`` and its derivative is
    ``4 r (1 - r)``: the exponentials are taken of the two sides instead of every pair.

    Args:
        a: (anchors, hidden).
        b: (others, hidden).
        weight: (hidden,).
        bias: (1,).
    """
    logits: Tensor = _PairLogits.apply(a, b, weight, bias)
    return logits


class _PairLogits(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        # Contiguous, or the large products inherit the order of a transpose and become slow.
        left, right = (x.T.clamp(-LARGEST, LARGEST).mul(2).exp().contiguous() for x in (a, b))
        r = (left.unsqueeze(2) * right.unsqueeze(1)).add_(1).reciprocal_()
        ctx.save_for_backward(r, weight)
        logits = (weight @ r.flatten(1)).view(r.shape[1:])
        return logits.mul_(-2).add_(weight.sum() + bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        r, weight = ctx.saved_tensors
        gradient = grad_outputs[0].contiguous()
        total = gradient.sum()
        of_weight = total - 2 * (r.flatten(1) @ gradient.flatten())
        slope = torch.addcmul(r, r, r, value=-1).mul_(gradient)  # r (1 - r) dL
        scale = 4 * weight
        return slope.sum(2).T * scale, slope.sum(1).T * scale, of_weight, total.reshape(1)
