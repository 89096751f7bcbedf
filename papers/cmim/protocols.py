"""What cMIM is measured by beside the shared protocols: Euclidean neighbours, and its decoder."""

from typing import Any

import torch

from common.backbones.modes import evaluating
from common.evaluation.accuracy import percent_equal
from common.evaluation.features import ImageInputs
from common.evaluation.scores import keep
from common.evaluation.vectors import HasFeatures
from papers.cmim.config import EuclidKnnConfig, ReconstructionConfig

# Distances held at a time; 2^24 floats are 64 MiB.
MAX_ELEMENTS = 2**24


def evaluate_euclid_knn(
    inputs: HasFeatures, settings: EuclidKnnConfig, seed: int
) -> dict[str, float]:
    """Returns ``euclid_knn_top1``, the accuracy in per cent of the class most neighbours have.

    Features are neither normalised nor standardised. Between classes with equally many neighbours
    the nearest neighbour decides.

    Args:
        inputs: Features and labels.
        settings: `EuclidKnnConfig`.
        seed: Not used: nothing is drawn.
    """
    features = inputs.features
    train, labels = features.train_x.double(), features.train_y
    # All that nearer neighbours add to their votes is less than one vote.
    votes = 1 + 0.5 ** torch.arange(2, 2 + settings.k, dtype=torch.float64)
    predicted = []
    for chunk in features.test_x.double().split(max(MAX_ELEMENTS // len(train), 1)):
        nearest = torch.cdist(chunk, train).topk(settings.k, largest=False)
        keep("euclid-knn", nearest.values)
        table = torch.zeros(len(chunk), int(labels.max()) + 1, dtype=torch.float64)
        table.scatter_add_(1, labels[nearest.indices], votes.expand(len(chunk), -1))
        predicted.append(table.argmax(1))
    return {"euclid_knn_top1": percent_equal(torch.cat(predicted), features.test_y)}


def evaluate_reconstruction(
    inputs: ImageInputs, settings: ReconstructionConfig, seed: int
) -> dict[str, float]:
    """Returns ``reconstruction_error``: the mean square of a pixel's error, of whole tested images.

    The decoder is given the mean of the code. Nothing is measured of a module without a decoder.

    Args:
        inputs: The module and the images.
        settings: `ReconstructionConfig`.
        seed: Not used: nothing is drawn.
    """
    module: Any = inputs.module
    if getattr(module, "decoder", None) is None:
        return {}
    errors = []
    with torch.no_grad(), evaluating(module):
        for images in inputs.dense_pair[1].whole(inputs.device):
            found = module.reconstruct(images) - images
            errors.append(found.double().square().flatten(1).mean(1).cpu())
    error = torch.cat(errors).mean()
    keep("reconstruction", error)
    return {"reconstruction_error": error.item()}
