"""A classifier that learns from vectors of texts and is tested on those of images."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.config import require_part
from common.evaluation.few_label import fit_logistic
from common.evaluation.pair_config import ADAPTERS, TextTransferConfig
from common.evaluation.pair_inputs import CaptionedImages, PairInputs
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
    train: CaptionedImages = require_part(inputs.train, "text-transfer", "training pairs")
    text = inputs.text_vectors(train.captions)
    image = inputs.image_vectors(train.images)[torch.from_numpy(train.owner)]
    targets = require_part(train.labels, "text-transfer", "a class of each pair")[train.owner]
    labels = require_part(inputs.labels, "text-transfer", "a class of each pair")
    images, texts = inputs.image_vectors(), inputs.text_vectors(inputs.captions)
    found = {}
    for name in settings.adapters:
        generator = keyed_generator(seed, TRANSFER_STREAM, ADAPTERS.index(name))
        learn, apply = make_adapter(name, image, text, settings, generator)
        copies = 1 if learn is apply else settings.copies
        learnt = torch.cat([learn(text) for _ in range(copies)])
        model = fit_logistic(learnt.numpy(), np.tile(targets, copies), settings.c, 1000)
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
        apply = partial(through_map, weight=weight, bias=bias)
    elif name == "random-shift":
        apply = partial(shifted, shift=random_shift(draw(text[0]), settings.shift))
    elif name == "mean-shift":
        apply = partial(shifted, shift=mean_shift(image, text))
    if name == "none":
        return apply, apply
    if name != "covariance":
        return lambda x: noisy(apply(x), draw(x), settings.noise), apply
    shift, spread = mean_shift(image, text), difference_covariance(image, text)

    def covary(x: Tensor) -> Tensor:
        moved = covaried(x, shift, draw(x), spread, settings.covariance_factor)
        return unit(moved + settings.covariance_noise * draw(x))

    return covary, unit


def noisy(text: Tensor, noise: Tensor, weight: float) -> Tensor:
    """Returns texts ``(texts, dim)`` with ``weight`` times the noise, at unit length."""
    return unit(unit(text) + weight * noise)


def shifted(text: Tensor, shift: Tensor) -> Tensor:
    """Returns texts moved by ``shift (dim,)``, at unit length."""
    return unit(unit(text) + shift)


def mean_shift(image: Tensor, text: Tensor) -> Tensor:
    """Returns the mean of unit images less that of unit texts, ``(dim,)``."""
    return unit(image).mean(0) - unit(text).mean(0)


def random_shift(direction: Tensor, length: float) -> Tensor:
    """Returns ``direction (dim,)`` at another length, a control of the mean shift."""
    return length * unit(direction)


def covaried(
    text: Tensor, shift: Tensor, noise: Tensor, covariance: Tensor, factor: float
) -> Tensor:
    """Returns moved texts ``(texts, dim)`` with noise of a covariance, of any norm.

    Args:
        text: ``(texts, dim)``, of any norm.
        shift: ``(dim,)``.
        noise: Standard normal, ``(texts, dim)``.
        covariance: ``(dim, dim)``; its Cholesky factor times the noise has it.
        factor: How often that counts.
    """
    return unit(text) + shift + factor * noise @ torch.linalg.cholesky(covariance).T


def difference_covariance(image: Tensor, text: Tensor) -> Tensor:
    """Returns the covariance of image minus text over pairs, ``(dim, dim)``, made invertible."""
    found = torch.cov((unit(image) - unit(text)).T)
    floor = 1e-6 * found.diagonal().mean()
    return found + floor * torch.eye(len(found), dtype=found.dtype)


def through_map(text: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns texts through a linear map ``weight (dim, dim)``, ``bias (dim,)``, unit length."""
    return unit(unit(text) @ weight.T + bias)


def fit_map(image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Returns weight and bias of the map from unit texts to unit images by least squares."""
    known = torch.cat([unit(text), torch.ones_like(text[:, :1])], 1)
    found = torch.linalg.lstsq(known, unit(image), driver="gelsd").solution
    return found[:-1].T, found[-1]
