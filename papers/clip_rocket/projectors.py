"""Zero-shot classes by the scores of each projector, and by what lies between them."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from common.evaluation.accuracy import percent_equal
from common.evaluation.config import require_part
from common.evaluation.pair_inputs import Classes, PairInputs
from common.evaluation.scores import keep
from common.evaluation.zero_shot import class_scores
from papers.clip_rocket.config import ProjectorsConfig
from papers.clip_rocket.module import ClipRocket


class OneProjector(nn.Module):
    """A module seen through one projector of images and one of texts alone."""

    def __init__(self, module: ClipRocket, image: nn.Module, text: nn.Module) -> None:
        super().__init__()
        self.module, self.image, self.text = module, image, text

    def project_image(self, images: Tensor) -> Tensor:
        """Returns ``(batch, dim)``."""
        found: Tensor = self.image(self.module.embed(images))
        return found

    def project_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns ``(batch, dim)``."""
        found: Tensor = self.text(self.module.embed_text(ids, mask))
        return found


def evaluate_projectors(
    inputs: PairInputs, settings: ProjectorsConfig, seed: int
) -> dict[str, float]:
    """Returns ``zero_shot_w<weight>``, the share in per cent whose best class is right.

    Each projector averages the prompts of a class by itself, as the official code does. A module
    without strong projectors, and a reference that learns nothing, are not measured.

    Args:
        inputs: With classes.
        settings: The weights.
        seed: Not used: nothing is drawn.
    """
    module = inputs.module
    if not isinstance(module, ClipRocket) or module.strong is None:
        return {}
    classes: Classes = require_part(inputs.classes, "projectors", "images with classes")
    linear = (module.towers.image_projector, module.towers.text_projector)
    weak, strong = (
        scores_of(replace(inputs, module=OneProjector(module, *pair), _found={}), classes)
        for pair in (linear, (module.strong.image, module.strong.text))
    )
    labels, found = torch.from_numpy(classes.labels), {}
    for weight, scores in zip(settings.weights, mix(weak, strong, settings.weights), strict=True):
        keep("projectors", scores)
        found[f"zero_shot_w{weight:g}"] = percent_equal(scores.argmax(1), labels)
    return found


def scores_of(inputs: PairInputs, classes: Classes) -> Tensor:
    """Returns the cosines of images with the classes' mean prompts, ``(images, classes)``."""
    texts = [prompt.format(name) for name in classes.names for prompt in classes.prompts]
    of = torch.arange(len(classes.names)).repeat_interleave(len(classes.prompts))
    vectors = inputs.text_vectors(inputs.encode(texts))
    return class_scores(inputs.image_vectors(classes.images), vectors, of)


def mix(weak: Tensor, strong: Tensor, weights: Sequence[float]) -> list[Tensor]:
    """Returns ``weight * weak + (1 - weight) * strong`` for each weight."""
    return [weight * weak + (1 - weight) * strong for weight in weights]
