"""How near close pairs are, and how evenly texts are spread over the sphere."""

import torch
from torch import Tensor

from common.evaluation.alignment_uniformity_config import AlignmentUniformityConfig
from common.evaluation.scores import keep
from common.evaluation.text_inputs import TextInputs
from common.losses.precision import unit

CHUNK = 1024


def evaluate_alignment_uniformity(
    inputs: TextInputs, settings: AlignmentUniformityConfig, seed: int
) -> dict[str, float]:
    """Returns ``uniformity`` of the split's texts and, with scores, ``alignment`` of close pairs.

    Args:
        inputs: The split's texts.
        settings: Both exponents, and which pairs are close.
        seed: Not used.
    """
    found = {"uniformity": uniformity(inputs.embed(inputs.sentences()), settings.t).item()}
    keep("uniformity", torch.tensor([found["uniformity"]]))
    if inputs.graded is None:
        return found
    scores = torch.from_numpy(inputs.graded.scores)
    close = scores >= settings.close * scores.max()
    first, second = (inputs.embed(side)[close] for side in inputs.graded[:2])
    return found | {"alignment": alignment(first, second, settings.alpha).item()}


def alignment(x: Tensor, y: Tensor, alpha: float = 2.0) -> Tensor:
    """Returns the mean of ``|x - y| ** alpha`` of rows at unit length, both ``(pairs, dim)``."""
    return (unit(x) - unit(y)).norm(dim=1).pow(alpha).mean()


def uniformity(x: Tensor, t: float = 2.0) -> Tensor:
    """Returns the log of the mean of ``exp(-t |x - y| ** 2)`` over pairs of ``x (rows, dim)``.

    Rows are brought to unit length; no matrix of all pairs is made.
    """
    x = unit(x)
    total = x.new_zeros(())
    for start in range(0, len(x), CHUNK):
        own = x[start : start + CHUNK]
        others = x[start:]
        distance = (2 - 2 * own @ others.T).clamp(min=0)
        later = torch.ones_like(distance).triu(1)
        total = total + (torch.exp(-t * distance) * later).sum()
    return (total / (len(x) * (len(x) - 1) / 2)).log()
