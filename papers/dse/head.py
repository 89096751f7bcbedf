"""From the last layers to one vector a text, and from two of them to the logits of the pair."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def pool_top(name: str, layers: Sequence[Tensor], mask: Tensor, num_top: int) -> Tensor:
    """Returns the vector of each text, ``(batch, dim)``, or ``num_top * dim`` of joined layers.

    Args:
        name: ``concat_top_`` joins the last layers along features, the lowest first, and
            ``mean_top_`` averages them; then ``mean``, ``sqrt_mean`` (the sum over the root of the
            count) or ``max`` over tokens, with the first token if ``_with_cls`` follows.
        layers: States ``(batch, tokens, dim)`` of each layer.
        mask: ``(batch, tokens)``, true at tokens.
        num_top: How many of the last layers are read.

    Raises:
        ValueError: There are fewer layers.
    """
    if len(layers) < num_top:
        raise ValueError(f"num_top={num_top}: there are {len(layers)} layers")
    kind, over = name.removesuffix("_with_cls").split("_top_")
    top = list(layers[-num_top:])
    states = torch.cat(top, dim=2) if kind == "concat" else torch.stack(top).mean(0)
    first = 0 if name.endswith("_with_cls") else 1
    inside = mask[:, first:, None].bool()
    states = states[:, first:]
    if over == "max":
        return states.masked_fill(~inside, float("-inf")).amax(1)
    count = inside.sum(1).to(states.dtype)
    total = states.masked_fill(~inside, 0.0).sum(1)
    return total / (count.sqrt() if over == "sqrt_mean" else count)


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
