"""From the vectors of two texts to the logits of the pair."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def pair_features(kind: str, u: Tensor, v: Tensor) -> Tensor:
    """Returns ``[u, v, u*v, |u-v|]``, ``(batch, 4 * dim)``, or the dot product, ``(batch, 1)``.

    Args:
        kind: ``concat`` or ``dot``.
        u: Vectors of the first texts, ``(batch, dim)``.
        v: Vectors of the second texts.
    """
    if kind == "dot":
        return (u * v).sum(1, keepdim=True)
    return torch.cat([u, v, u * v, (u - v).abs()], dim=1)


class PairHead(nn.Module):
    """Linear layers with ReLU between them over the features of a pair.

    Args:
        dim: Width of a text's vector.
        features: ``concat`` or ``dot``.
        fc_dims: Sizes of the layers' outputs; none: the features are the logits.
    """

    def __init__(self, dim: int, features: str, fc_dims: Sequence[int]) -> None:
        super().__init__()
        self.features = features
        sizes = [4 * dim if features == "concat" else 1, *fc_dims]
        self.layers = nn.ModuleList(nn.Linear(*each) for each in pairwise(sizes))

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Returns logits, ``(batch, outputs)``."""
        x = pair_features(self.features, u, v)
        for number, layer in enumerate(self.layers):
            x = layer(x.relu() if number else x)
        return x
