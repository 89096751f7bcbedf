"""LARS as PixPro and MoCo v3 have it, one weight at a time: what ours is held against."""

from collections.abc import Iterable

import torch
from torch.nn import Parameter


@torch.no_grad()
def lars_step(
    weights: Iterable[Parameter],
    buffers: dict[Parameter, torch.Tensor],
    lr: float,
    weight_decay: float,
    eps: float = 0.0,
) -> None:
    """Takes a step with momentum 0.9 and trust 0.001; vectors have neither decay nor ratio.

    Args:
        weights: With gradients.
        buffers: The momenta; empty at the start.
        lr: Learning rate.
        weight_decay: Added to the gradients of matrices, before the norm is taken.
        eps: Added to the norm: 1e-8 in PixPro's code, nothing in MoCo v3's.
    """
    for weight in weights:
        if weight.grad is None:
            continue
        direction = weight.grad.clone()
        if weight.ndim > 1:
            direction += weight_decay * weight
            if weight.norm() > 0 and direction.norm() > 0:
                direction *= 0.001 * weight.norm() / (direction.norm() + eps)
        buffers[weight] = 0.9 * buffers.get(weight, torch.zeros_like(weight)) + direction
        weight -= lr * buffers[weight]
