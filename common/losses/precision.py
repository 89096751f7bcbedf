"""The precision that losses compute in."""

import torch
import torch.nn.functional as F
from torch import Tensor


def upcast(x: Tensor) -> Tensor:
    """Returns ``x`` in float32, or in float64 where it is that already."""
    return x if x.dtype == torch.float64 else x.float()


def unit(x: Tensor) -> Tensor:
    """Returns ``x`` over its norm along the last dimension, in float32 or wider."""
    return F.normalize(upcast(x), dim=-1)
