"""A module's features without gradient, in evaluation mode, and refused where one is not finite."""

from typing import Any

import torch
from torch import Tensor

from common.backbones.modes import evaluating
from common.errors import LikewiseError
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


def require_finite(values: Tensor, name: str = "embeddings") -> Tensor:
    """Returns ``values``; NaN would win every comparison that a rank is counted by.

    Raises:
        LikewiseError: One of them is NaN or infinite; says what ``name`` they are.
    """
    finite = torch.isfinite(values)
    if bool(finite.all()):
        return values
    raise LikewiseError(
        f"{name}: {int((~finite).sum()):,} of {values.numel():,} numbers are NaN or infinite; "
        "train anew with a lower optimizer.lr"
    )
