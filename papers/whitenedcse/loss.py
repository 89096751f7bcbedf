"""WhitenedCSE's loss: an anchor against each further view of the batch (arXiv 2305.17746)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import gather, gather_with_grad, rank
from common.losses.duplicates import duplicates
from common.losses.precision import unit


def multi_positive(z: Tensor, temperature: float, keys: Tensor | None = None) -> Tensor:
    """Returns the sum over views k = 2..K of the contrast of the first view with view k.

    Each is the mean over anchors of the cross-entropy of ``cos(z_1, z_k) / temperature``, whose
    negatives are the other sentences' view k alone. The sum is not divided by K - 1; with K = 2 it
    is SimCSE's loss. In float32 or wider.

    Several processes: negatives are of the global batch, gathered with gradient, and the mean is
    over this process's anchors, so that averaged gradients are those of the global batch.

    Args:
        z: Views, ``(views, batch, dim)``, of any norm.
        temperature: Divides the cosines.
        keys: ``(batch, 1)``, of the sentences (`token_keys`): equal ones are no negatives. Or None.
    """
    with torch.autocast(z.device.type, enabled=False):
        anchors, *others = unit(z)
        positives = rank() * len(anchors) + torch.arange(len(anchors), device=z.device)
        scores = [anchors @ gather_with_grad(view).T / temperature for view in others]
        if keys is not None:
            left_out = duplicates(gather(keys), positives)
            scores = [each.masked_fill(left_out, -torch.inf) for each in scores]
        return torch.stack([F.cross_entropy(each, positives) for each in scores]).sum()


def no_negatives(z: Tensor) -> Tensor:
    """Returns the sum over further views of the mean of ``2 - 2 cos`` with the first one.

    Args:
        z: Views of this process, ``(views, batch, dim)``.
    """
    with torch.autocast(z.device.type, enabled=False):
        anchors, *others = unit(z)
        return torch.stack([2 - 2 * (anchors * view).sum(1).mean() for view in others]).sum()
