"""Momentum encoders: a second network that follows the trained one as a moving average."""

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from common.losses.precision import upcast

Network = TypeVar("Network", bound=nn.Module)


def momentum_copy(network: Network) -> Network:
    """Returns a copy of ``network`` that no gradient reaches."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def update_momentum(average: nn.Module, online: nn.Module, momentum: float) -> None:
    """Moves the parameters: ``average = momentum * average + (1 - momentum) * online``.

    Buffers are left alone: the momentum encoder sees batches of its own, so its batch norms keep
    statistics of their own (MoCo, PixPro). Every process computes the same average.

    Weights of 16 bits are averaged in float32 and rounded once; a step below half of their last
    digit is lost all the same.
    """
    targets: list[Tensor] = list(average.parameters())
    moved = [upcast(weight) for weight in targets]  # those of float32 and wider are not copied
    torch._foreach_mul_(moved, momentum)
    torch._foreach_add_(moved, [upcast(p) for p in online.parameters()], alpha=1 - momentum)
    for target, value in zip(targets, moved, strict=True):
        if target.dtype != value.dtype:
            target.copy_(value)


def cosine_momentum(base: float, update: float, total: float) -> float:
    """Returns the momentum of optimizer update ``update`` of ``total``: from ``base`` up to 1.

    ``1 - (1 - base) (1 + cos(pi update / total)) / 2`` (BYOL, section 3.3; PixPro, section 4.1).
    """
    return 1 - (1 - base) * (1 + math.cos(math.pi * min(update / max(total, 1), 1))) / 2
