"""From states of tokens to one vector a text, without parameters."""

from collections.abc import Sequence

from torch import Tensor

FEWEST = 1e-9


def pool(name: str, hidden: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Returns the vector of each text, ``(batch, dim)``.

    Args:
        name: ``cls``: the first token; ``avg``: the mean over tokens, the first and the last
            included; ``avg_top2``: the same of the last two layers' mean; ``avg_first_last``: the
            same of layer 1 and the last one.
        hidden: States ``(batch, tokens, dim)`` of the embeddings and of each layer; ``cls`` and
            ``avg`` read the last alone.
        mask: ``(batch, tokens)``, true at tokens.

    Raises:
        ValueError: An unknown ``name``.
    """
    last = hidden[-1]
    if name == "cls":
        return last[:, 0]
    if name == "avg":
        return masked_mean(last, mask)
    if name == "avg_top2":
        return masked_mean((last + hidden[-2]) / 2, mask)
    if name == "avg_first_last":
        return masked_mean((last + hidden[1]) / 2, mask)
    raise ValueError(f"{name}: must be cls, avg, avg_top2 or avg_first_last")


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean over the tokens of ``states (batch, tokens, dim)``, ``(batch, dim)``."""
    weights = mask.to(states.dtype).unsqueeze(2)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=FEWEST)
