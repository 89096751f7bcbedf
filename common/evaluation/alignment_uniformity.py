"""How near close pairs are, and how evenly texts are spread over the sphere."""

import torch

from common.evaluation.scores import keep
from common.evaluation.text_config import AlignmentUniformityConfig
from common.evaluation.text_inputs import TextInputs
from common.losses.spread import alignment, uniformity


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
