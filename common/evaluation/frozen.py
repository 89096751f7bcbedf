"""A module's features without gradient, in evaluation mode."""

from typing import Any

import torch
from torch import Tensor

from common.backbones.modes import evaluating
from common.losses.precision import upcast


@torch.no_grad()
def embed_frozen(module: Any, images: Tensor) -> Tensor:
    """Returns ``module.embed`` in evaluation mode, ``(batch, dim)`` in float32 or wider."""
    with evaluating(module):
        return upcast(module.embed(images.to(next(module.parameters()).device)))


@torch.no_grad()
def map_frozen(module: Any, images: Tensor) -> Tensor:
    """Returns ``module.backbone.feature_map`` in evaluation mode, in float32 or wider."""
    with evaluating(module):
        found = module.backbone.feature_map(images.to(next(module.parameters()).device))
    return upcast(found)
