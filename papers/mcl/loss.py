"""What later stages contrast, and how the features of all stages become one representation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from common.distributed.collectives import gather, gather_with_grad, rank
from common.losses.precision import unit, upcast


def contrast_within(z1: Tensor, z2: Tensor, groups: Tensor, temperature: float) -> Tensor:
    """Returns NT-Xent of each anchor against the views of its own group, ``(2 * batch,)``.

    The anchors of the first view come first. The partner takes part in any case. In float32 or
    wider; memory grows with 4 * batch * global batch.

    Several processes: negatives are of the global batch, gathered with gradient, and anchors are
    this process's, so that averaged gradients are those of the global batch.

    Args:
        z1: ``(batch, dim)``, of any norm.
        z2: ``(batch, dim)``; row i is the partner of row i of ``z1``.
        groups: ``(batch,)``.
        temperature: Divides the cosines.
    """
    with torch.autocast(z1.device.type, enabled=False):
        own = [unit(z1), unit(z2)]
        columns = torch.cat([gather_with_grad(view) for view in own])
        scores = torch.cat(own) @ columns.T / temperature
        first = torch.arange(len(z1), device=z1.device) + rank() * len(z1)
        itself = torch.cat([first, first + len(columns) // 2])
        partner = (itself + len(columns) // 2) % len(columns)
        foreign = groups.repeat(2)[:, None] != gather(groups).repeat(2)
        foreign.scatter_(1, itself[:, None], True)
        positive = scores.gather(1, partner[:, None])[:, 0]
        return scores.masked_fill(foreign, -torch.inf).logsumexp(1) - positive


def integrate(stages: Sequence[Tensor], normalise: bool) -> Tensor:
    """Returns the features of all stages side by side, ``(batch, sum of dims)``.

    Args:
        stages: Stages of each stage ``(batch, dim)``.
        normalise: Whether each stage's features get unit length first.
    """
    return torch.cat([unit(h) if normalise else upcast(h) for h in stages], 1)
