"""Agreement of two views without negatives."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.precision import upcast


def negative_cosine(p: Tensor, target: Tensor) -> Tensor:
    """Returns ``-cos(p, target)`` in mean over rows; no gradient reaches ``target``.

    SimSiam's D (arXiv 2011.10566, Eq. 1 and 2), in float32 or wider. Several processes: the mean is
    over this process's rows, so that averaged gradients are those of the global batch.

    Args:
        p: ``(batch, dim)``, predictions of any norm.
        target: ``(batch, dim)``, what they are to agree with.
    """
    with torch.autocast(p.device.type, enabled=False):
        return -F.cosine_similarity(upcast(p), upcast(target.detach()), dim=1).mean()


def simsiam(p1: Tensor, z1: Tensor, p2: Tensor, z2: Tensor) -> Tensor:
    """Returns SimSiam's symmetric loss (Eq. 4): each view's prediction meets the other's ``z``.

    Args:
        p1: ``(batch, dim)``, the predictor's output for the first view.
        z1: ``(batch, dim)``, the projector's output for the first view.
        p2: The same for the second view.
        z2: The same for the second view.
    """
    return (negative_cosine(p1, z2) + negative_cosine(p2, z1)) / 2
