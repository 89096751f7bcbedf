"""How near pairs are that belong together, and how evenly vectors are spread over the sphere."""

import torch

from common.evaluation.scores import keep
from common.evaluation.text_config import AlignmentUniformityConfig
from common.evaluation.vectors import Vectors
from common.losses.spread import alignment, uniformity


def evaluate_alignment_uniformity(
    inputs: Vectors, settings: AlignmentUniformityConfig, seed: int
) -> dict[str, float]:
    """Returns ``uniformity`` and, with pairs, ``alignment``.

    Of pairs with scores the close ones count; of samples with partners, whose uniformity stands
    beside as ``text_uniformity`` where they are texts, all.

    Args:
        inputs: Vectors.
        settings: Both exponents, and which pairs are close.
        seed: Not used.
    """
    sides = inputs.sides()
    found = {f"{side}uniformity": uniformity(x, settings.t).item() for side, x in sides.items()}
    keep("uniformity", torch.tensor([*found.values()]))
    if inputs.pairs is not None:
        scores = torch.from_numpy(inputs.pairs.scores)
        close = scores >= settings.close * scores.max()
        first, second = (side.x[close] for side in inputs.pairs[:2])
    elif inputs.partners is not None:
        first, second = inputs.test.x[inputs.partners.owner], inputs.partners.part.x
    else:
        return found
    return found | {"alignment": alignment(first, second, settings.alpha).item()}
