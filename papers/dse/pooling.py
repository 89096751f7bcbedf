"""From the states of the last layers to one vector a text, the first token left out."""

from collections.abc import Sequence

import torch
from torch import Tensor


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
