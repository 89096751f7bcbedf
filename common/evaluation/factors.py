"""What parts of an embedding know of each factor that made an image."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.accuracy import percent_equal
from common.evaluation.image_config import FactorsConfig
from common.evaluation.linear_probe import PROBE_STREAM, fit_linear
from common.evaluation.scores import keep
from common.evaluation.vectors import FeatureSet

WHOLE = ""


def evaluate_factors(inputs: Any, settings: FactorsConfig, seed: int) -> dict[str, float]:
    """Accuracy of a linear probe of each factor in per cent, ``<factor>_top1``.

    A module may name parts of its embedding in ``parts``; what each of them knows is
    ``<part>_<factor>_top1``. Features are standardised and not augmented.

    Args:
        inputs: Features and labels, and the module or none.
        settings: `FactorsConfig`.
        seed: Seed of the order of the batches.
    """
    parts = {WHOLE: slice(None)} | getattr(inputs.module, "parts", {})
    return {
        f"{part}_{factor}_top1".lstrip("_"): value
        for (part, factor), value in probe_parts(inputs.features, parts, settings, seed).items()
    }


def probe_parts(
    features: FeatureSet, parts: dict[str, slice], settings: FactorsConfig, seed: int
) -> dict[tuple[str, str], float]:
    """Returns the accuracy of each factor from each part of the embedding, in per cent.

    Args:
        features: Features of all labelled images.
        parts: Columns of the features, by name.
        settings: The factors, and how a probe is fitted.
        seed: Seed of the order of the batches.
    """
    train = features.train_y >= settings.from_label
    test = features.test_y >= settings.from_label
    labels = [
        split_label(y - settings.from_label, settings.sizes)
        for y in (features.train_y[train], features.test_y[test])
    ]
    found = {}
    for part, columns in parts.items():
        train_x, test_x = features.train_x[train, columns], features.test_x[test, columns]
        for factor, train_y, test_y in zip(settings.names, *labels, strict=True):
            probed = FeatureSet(train_x, train_y, test_x, test_y).standardised()
            generator = keyed_generator(seed, PROBE_STREAM)
            scores = F.linear(probed.test_x, *fit_linear(probed, settings, generator))
            keep(f"factors {part} {factor}", scores)
            found[part, factor] = percent_equal(scores.argmax(1), test_y)
    return found


def split_label(labels: Tensor, sizes: list[int]) -> Tensor:
    """Returns the class of each factor, ``(factors, num)``, of labels ``(num,)`` that hold all."""
    parts = []
    for size in reversed(sizes):
        parts.append(labels % size)
        labels = labels // size
    return torch.stack(parts[::-1])
