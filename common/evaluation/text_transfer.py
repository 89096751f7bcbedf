"""A classifier that learns from vectors of texts and is tested on those of images."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.adapters import (
    covaried,
    difference_covariance,
    fit_map,
    mapped,
    mean_shift,
    noisy,
    random_shift,
    shifted,
)
from common.evaluation.config import require
from common.evaluation.pair_config import ADAPTERS, TextTransferConfig
from common.evaluation.pair_inputs import PairInputs, Pairs
from common.evaluation.scores import keep
from common.losses.precision import unit

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
TRANSFER_STREAM = 2**43
Change = Callable[[Tensor], Tensor]


def evaluate_text_transfer(
    inputs: PairInputs, settings: TextTransferConfig, seed: int
) -> dict[str, float]:
    """Returns ``transfer_<adapter>_image_top1`` and ``..._text_top1`` in per cent.

    The classifier learns from training captions, and adapters are fitted to training pairs.

    Args:
        inputs: With training pairs, and classes of both splits.
        settings: Which adapters, and their constants.
        seed: Seed of the noise.
    """
    train: Pairs = require(inputs.train, "text-transfer", "training pairs")
    text = inputs.text_vectors(train.captions)
    image = inputs.image_vectors(train.images)[torch.from_numpy(train.owner)]
    targets = require(train.labels, "text-transfer", "a class of each pair")[train.owner]
    labels = require(inputs.labels, "text-transfer", "a class of each pair")
    images, texts = inputs.image_vectors(), inputs.text_vectors(inputs.captions)
    found = {}
    for name in settings.adapters:
        generator = keyed_generator(seed, TRANSFER_STREAM, ADAPTERS.index(name))
        learn, apply = make_adapter(name, image, text, settings, generator)
        copies = 1 if learn is apply else settings.copies
        learnt = torch.cat([learn(text) for _ in range(copies)])
        model = _fit(learnt, np.tile(targets, copies), settings.c)
        keep("text-transfer", model.decision_function(images.numpy()))
        key = f"transfer_{name.replace('-', '_')}"
        found[f"{key}_image_top1"] = 100 * float(model.score(images.numpy(), labels))
        told = apply(texts).numpy()
        found[f"{key}_text_top1"] = 100 * float(model.score(told, labels[inputs.owner]))
    return found


def make_adapter(
    name: str, image: Tensor, text: Tensor, settings: TextTransferConfig, generator: torch.Generator
) -> tuple[Change, Change]:
    """Returns what texts pass while the classifier learns, and when it is tested.

    Args:
        name: One of `ADAPTERS`.
        image: ``(pairs, dim)`` of the training.
        text: The same shape, the partners.
        settings: Constants of the adapters.
        generator: Draws the noise.
    """

    def draw(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator, dtype=like.dtype)

    apply: Change = unit
    if name == "linear":
        weight, bias = fit_map(image, text)
        apply = partial(mapped, weight=weight, bias=bias)
    elif name == "random-shift":
        apply = partial(shifted, shift=random_shift(draw(text[0]), settings.shift))
    elif name in ("mean-shift", "covariance"):
        apply = partial(shifted, shift=mean_shift(image, text))
    if name in ("none", "linear"):
        return apply, apply
    if name != "covariance":
        return lambda x: noisy(apply(x), draw(x), settings.noise), apply
    shift, spread = mean_shift(image, text), difference_covariance(image, text)

    def covary(x: Tensor) -> Tensor:
        moved = covaried(x, shift, draw(x), spread, settings.covariance_factor)
        return unit(moved + settings.covariance_noise * draw(x))

    return covary, apply


def _fit(vectors: Tensor, targets: NDArray[np.int64], c: float) -> LogisticRegression:
    model = LogisticRegression(C=c, max_iter=1000)
    with warnings.catch_warnings():
        # So many iterations settle the accuracy; the last digits of the loss do not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(vectors.numpy(), targets)
