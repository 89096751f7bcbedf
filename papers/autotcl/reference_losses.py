"""Losses of the released code that no run trains with: only `reference` calls them."""

import torch
from torch import Tensor

from common.losses.precision import unit, upcast
from papers.autotcl.loss import info_nce


def segment_info_nce(z1: Tensor, z2: Tensor, segments: int, temperature: float = 1.0) -> Tensor:
    """Returns the contrast of a batch's segments with their views (code).

    `info_nce` of ``batch * segments`` vectors: raw steps are max-pooled over ``segments`` stretches
    of equal length from the start on. 0 where a series has fewer steps than segments.

    ``z1``, ``z2``: ``(batch, steps, dim)``.
    """
    length = z1.shape[1] // segments
    if length == 0:
        return (upcast(z1).sum() + upcast(z2).sum()) * 0
    parts = (upcast(z[:, : segments * length]).unflatten(1, (segments, length)) for z in (z1, z2))
    rows, columns = (part.amax(2).flatten(0, 1) for part in parts)
    return info_nce(rows, columns, temperature)


def leave_one_out_lower(
    z1: Tensor, z2: Tensor, eps_positive: float = 1e-5, eps_negative: float = 1e-6
) -> Tensor:
    """Returns the leave-one-out estimate of what series and views share (code).

    The mean over rows i of the log of ``exp s_ii`` over the mean of ``exp s_ij`` of the other
    columns, s the cosines; two small numbers keep it finite. Single process.

    ``z1``, ``z2``: ``(batch, dim)``, of any norm; a batch of one is minus infinity.
    """
    with torch.autocast(z1.device.type, enabled=False):
        scores = (unit(z1) @ unit(z2).T).exp()
        itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        others = scores.masked_fill(itself, 0).sum(1) + eps_negative
        ratio = (scores.diagonal() + eps_positive) / (others / (len(scores) - 1))
        return ratio.log().mean()


def leave_one_out(
    z1: Tensor, z2: Tensor, eps_positive: float = 1e-5, eps_negative: float = 1e-6
) -> Tensor:
    """Returns the leave-one-out loss over the 2B vectors of both views (code).

    Each against its other view and the 2B - 2 others, which alone are in the denominator. Cosines
    are shifted by the greatest of the row, and gradient runs through that, too: beside the small
    numbers the shift does not cancel. Single process.

    ``z1``, ``z2``: ``(batch, dim)``, of any norm.
    """
    with torch.autocast(z1.device.type, enabled=False):
        z = torch.cat([unit(z1), unit(z2)])
        rows = torch.arange(len(z), device=z.device)
        partner = (rows + len(z1)) % len(z)
        scores = z @ z.T
        scores = scores.masked_fill(rows[:, None] == rows, -torch.inf)
        shifted = (scores - scores.amax(1, keepdim=True)).exp()
        others = shifted.masked_fill(partner[:, None] == rows, 0).sum(1) + eps_negative
        return -((shifted[rows, partner] + eps_positive) / others).log().mean()


def linear_mmd(z1: Tensor, z2: Tensor) -> Tensor:
    """Returns the squared distance of the two batch means (code).

    Single process. ``z1``, ``z2``: ``(batch, dim)``.
    """
    return (upcast(z1).mean(0) - upcast(z2).mean(0)).square().sum()
