"""CLIP-rocket's equations: the contrast on weak and strong views, and what may be added to it.

arXiv 2305.08675 and the official ``losses.py`` at commit ebd9e58. A is the number of strong views.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from common.distributed.collectives import gather_with_grad
from common.losses.barlow import distance_to_identity
from common.losses.clip import clip_loss
from common.losses.consistency import negative_cosine
from common.losses.precision import unit, upcast
from common.losses.sinkhorn import sinkhorn


class Sides(NamedTuple):
    """The same of images and of texts."""

    image: Tensor
    text: Tensor


class CL2L(NamedTuple):
    """The loss and its parts, each a scalar.

    ``clip`` is the mean of ``image`` (from images to texts) and ``text``, each of which weighs its
    ``weak`` part against A times its ``strong`` part.
    """

    total: Tensor
    clip: Tensor
    image: Tensor
    text: Tensor
    weak_image: Tensor
    weak_text: Tensor
    strong_image: Tensor
    strong_text: Tensor


def cl2l(
    z: Sides,
    h: Sides,
    log_scale: Tensor,
    strong_log_scale: Tensor,
    smoothing: float,
    reduction: str,
    keys: Tensor | None = None,
) -> CL2L:
    """Returns the contrast of the weak pair and of all A x A pairs of strong views.

    Without strong views it is CLIP's loss. Several processes: as `clip_loss`.

    Args:
        z: The weak pair, ``(batch, dim)`` each, of any norm.
        h: The strong views, ``(A, batch, dim)`` each.
        log_scale: A scalar, the logarithm of the weak pair's inverse temperature.
        strong_log_scale: That of the strong pairs.
        smoothing: Smoothing of the strong pairs' labels; the weak pair's are never smoothed.
        reduction: ``avg`` takes the mean of both directions, ``sum`` their sum.
        keys: As in `clip_loss`, for all pairs of views.
    """
    weak = clip_loss(*z, log_scale, keys=keys)
    strong_image = strong_text = weak.total.new_zeros(())
    if views := len(h.image):
        pairs = [
            clip_loss(u, v, strong_log_scale, smoothing=smoothing, keys=keys)
            for u in h.image
            for v in h.text
        ]
        strong_image = torch.stack([pair.image_to_text for pair in pairs]).mean()
        strong_text = torch.stack([pair.text_to_image for pair in pairs]).mean()
    image = (weak.image_to_text + views * strong_image) / (1 + views)
    text = (weak.text_to_image + views * strong_text) / (1 + views)
    clip = (image + text) / 2
    total = 2 * clip if reduction == "sum" else clip
    ways = weak.image_to_text, weak.text_to_image
    return CL2L(total, clip, image, text, *ways, strong_image, strong_text)


def over_pairs(
    term: Callable[[Tensor, Tensor], Tensor], image: Tensor, text: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns ``term`` of the weak pair, and of all strong pairs ``(A, A)``, images first.

    Args:
        term: Takes an image view and a text view, ``(batch, dim)`` each; returns a scalar.
        image: ``(1 + A, batch, dim)``, the weak view first.
        text: The same shape.
    """
    views = len(image) - 1
    strong = [term(u, v) for u in image[1:] for v in text[1:]]
    weak = term(image[0], text[0])
    return weak, torch.stack(strong).view(views, views) if strong else weak.new_zeros(0, 0)


def mean_over_pairs(parts: tuple[Tensor, Tensor]) -> Tensor:
    """Returns the mean over the weak pair and the strong ones, as `over_pairs` gives them."""
    weak, strong = parts
    return (weak + strong.sum()) / (1 + strong.numel())


def redundancy(
    image: Tensor, text: Tensor, off_diagonal_weight: float, weight: float, gradient_scale: float
) -> Tensor:
    """Returns BarLIP's term: ``weight (sum_i (C_ii - 1)^2 + lambda sum_{i != j} C_ij^2)``.

    ``C = image^T text / batch``: the head ends in a batch norm, and unlike in Barlow Twins nothing
    is standardised here. Memory grows with ``CHUNK_ROWS * dim``. Several processes: ``C`` is of
    the global batch, gathered with gradient, and every process returns the same value.

    Args:
        image: ``(batch, dim)``.
        text: ``(batch, dim)``.
        off_diagonal_weight: Lambda.
        weight: Weight of the whole term.
        gradient_scale: Multiplies the gradient and not the value.
    """
    with torch.autocast(image.device.type, enabled=False):
        images, texts = (gather_with_grad(upcast(side)) for side in (image, text))
        value = weight * distance_to_identity(images, texts, off_diagonal_weight)
    return value.detach() + gradient_scale * (value - value.detach())


def agreement(p: Tensor, target: Tensor) -> Tensor:
    """Returns SiamLIP's and BYOLIP's term, ``2 - 2 cos(p, target)`` in mean over rows.

    No gradient reaches ``target``. Both are ``(batch, dim)``, of any norm.
    """
    return 2 + 2 * negative_cosine(p, target)


def siamlip(p: Sides, v: Sides) -> Tensor:
    """Returns the mean agreement of predictions with the other side's targets, both ways.

    Args:
        p: Predictions, ``(1 + A, batch, dim)`` each, the weak view first.
        v: Targets of the same shape: projections (SiamLIP), or those of momentum towers (BYOLIP).
    """
    ways = over_pairs(agreement, p.image, v.text), over_pairs(agreement, p.text, v.image)
    return torch.stack([mean_over_pairs(way) for way in ways]).mean()


class SwALIP(NamedTuple):
    """The loss, a scalar, and the targets that it predicted."""

    loss: Tensor
    # Of each side (own view, other view, batch, global batch), 2 x 2 views.
    targets: Sides


def swalip(h: Sides, log_scale: Tensor, epsilon: float, iterations: int) -> SwALIP:
    """Returns the swapped prediction in which the other side's batch is the prototypes.

    The similarities of one pair of views predict the codes of the pair with both views swapped.
    Codes need the whole matrix of a pair at once: memory grows with ``batch * global batch``.
    Several processes: codes have equal mass over the rows of all.

    Args:
        h: Strong views, ``(2, batch, dim)`` each, of any norm.
        log_scale: A scalar, the logarithm of the predictions' inverse temperature.
        epsilon: Divides the similarities for the codes.
        iterations: Iterations of Sinkhorn-Knopp.
    """
    with torch.autocast(h.image.device.type, enabled=False):
        images, texts = unit(h.image), unit(h.text)
        scores = Sides(similarities(images, texts), similarities(texts, images))
        targets = Sides(*(codes_of(side, epsilon, iterations) for side in scores))
        scale = upcast(log_scale).exp()
        image, text = (
            soft_cross_entropy(target.flip(0, 1), scale * side)
            for target, side in zip(targets, scores, strict=True)
        )
    return SwALIP((image + text) / 2, targets)


def similarities(rows: Tensor, columns: Tensor) -> Tensor:
    """Returns ``(A, A, batch, global batch)``: each view of rows against each of columns."""
    everybody = torch.stack([gather_with_grad(view) for view in columns])
    return rows[:, None] @ everybody.transpose(1, 2)


def codes_of(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Returns the Sinkhorn codes of each matrix in ``(..., rows, columns)``; no gradient."""
    flat = scores.detach().flatten(0, -3)
    return torch.stack([sinkhorn(one, epsilon, iterations) for one in flat]).view_as(scores)


def soft_cross_entropy(targets: Tensor, logits: Tensor) -> Tensor:
    """Returns ``-sum targets log softmax(logits)``, the mean over all rows ``(..., columns)``."""
    return -(targets * logits.log_softmax(-1)).sum(-1).mean()


def swalip_v1(p: Sides, codes: Sides, temperature: float) -> Tensor:
    """Returns the older SwALIP: each side predicts the codes of the other.

    Args:
        p: Cosines with the prototypes, ``(batch, prototypes)`` each.
        codes: `sinkhorn` of such cosines, the same shape.
        temperature: Divides the cosines that predict.
    """
    with torch.autocast(p.image.device.type, enabled=False):
        image = soft_cross_entropy(codes.text, upcast(p.image) / temperature)
        return (image + soft_cross_entropy(codes.image, upcast(p.text) / temperature)) / 2
