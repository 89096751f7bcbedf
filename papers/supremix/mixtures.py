"""The mixtures written out as vectors: for inspection and for reference values.

Training never builds them (`papers.supremix.loss`). Rows are view by view.
"""

import torch
from torch import Tensor


def mix_neg_slots(labels: Tensor) -> Tensor:
    """Returns ``(M, 3)`` rows (i, i, k): anchor i is mixed with k of another label."""
    i, k = (labels[:, None] != labels).nonzero(as_tuple=True)
    return torch.stack([i, i, k], 1)


def mix_pos_slots(labels: Tensor, window: float) -> Tensor:
    """Returns ``(P, 3)`` rows (i, j, k): labels of j and k bracket that of i within the window."""
    up = labels - labels[:, None]  # (i, k): how far k is above i
    above, below = (up > 0) & (up < window), (up < 0) & (-up < window)
    return (below[:, :, None] & above[:, None, :]).nonzero()


def mix_pos_shares(labels: Tensor, slots: Tensor) -> Tensor:
    """Returns j's share ``(P,)`` that gives the mixture of j and k the label of i.

    In the labels' precision; in float64 of whole numbers.
    """
    i, j, k = (labels if labels.is_floating_point() else labels.double())[slots].T
    return ((k - i) / (k - j)).clamp(0, 1)


def mix(values: Tensor, slots: Tensor, alpha: Tensor) -> Tensor:
    """Returns ``alpha`` of j and the rest of k, of vectors ``(rows, dim)`` or labels ``(rows,)``.

    Not normalised again.
    """
    alpha = alpha.view(-1, *[1] * (values.ndim - 1))
    return alpha * values[slots[:, 1]] + (1 - alpha) * values[slots[:, 2]]
