"""The encoder that is evaluated: the mean of all encoders on the way."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_mean(average: nn.Module, online: nn.Module, count: int) -> None:
    """Takes ``online`` into the equal-weight mean of ``count`` earlier weights (section 3.4)."""
    targets: list[Tensor] = list(average.parameters())
    torch._foreach_lerp_(targets, list(online.parameters()), 1 / (count + 1))
