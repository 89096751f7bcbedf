"""CLIP's loss with uniformity and alignment (arXiv 2405.18570; equations of its code)."""

from typing import NamedTuple

import torch
from torch import Tensor

from common.distributed.collectives import gather_with_grad
from common.losses.clip import clip_loss
from common.losses.precision import unit
from common.losses.spread import alignment, cross_uniformity, uniformity


class Weights(NamedTuple):
    """How much each term counts; the defaults are those of CUA."""

    image_to_text: float = 0.5
    text_to_image: float = 0.5
    uniformity: float = 1.0
    alignment: float = 1.0
    cross_uniformity: float = 0.0


class GapLoss(NamedTuple):
    """The loss and its terms, each a scalar; the terms are not weighted."""

    total: Tensor
    image_to_text: Tensor
    text_to_image: Tensor
    uniformity: Tensor
    alignment: Tensor
    cross_uniformity: Tensor


def gap_loss(
    u: Tensor, v: Tensor, log_scale: Tensor, weights: Weights, keys: Tensor | None = None
) -> GapLoss:
    """Returns the weighted sum of CLIP's two directions and of what closes the gap.

    ``uniformity`` is the mean of both sides'. In float32 or wider; memory grows with the batch.

    Several processes: rows are gathered with gradient. Each process computes both uniformities on
    all of them, the other terms on its own rows, so that averaged losses and gradients are those
    of the global batch.

    Args:
        u: Images, ``(batch, dim)``, of any norm.
        v: Texts, ``(batch, dim)``; row i is the partner of row i of ``u``.
        log_scale: A scalar, the logarithm of the inverse temperature.
        weights: Weights of the terms.
        keys: As in `clip_loss`, for its two directions alone.
    """
    with torch.autocast(u.device.type, enabled=False):
        clip = clip_loss(u, v, log_scale, keys=keys)
        images, texts = gather_with_grad(unit(u)), gather_with_grad(unit(v))
        terms = (
            clip.image_to_text,
            clip.text_to_image,
            (uniformity(images) + uniformity(texts)) / 2,
            alignment(u, v),
            cross_uniformity(images, texts),
        )
        weighted = [weight * term for weight, term in zip(weights, terms, strict=True)]
        return GapLoss(torch.stack(weighted).sum(), *terms)


def turn_to_gap(images: Tensor, texts: Tensor, share: float, least: float = 0.0) -> Tensor:
    """Returns W ``(dim, dim)``: texts times its transpose have ``share`` of the gap that was there.

    Orthogonal Procrustes, mirrors included: images, moved by the share of the way to the texts'
    centre, are what the texts are turned to.

    Args:
        images: ``(pairs, dim)``, unit rows.
        texts: The same shape; row i is the partner of row i of ``images``.
        share: 0: no gap. 1: as it was.
        least: Directions whose singular value is no more than this share of the largest turn as
            little as they can: of those that no text has, rounding would decide.
    """
    moved = unit(images + share * (texts.mean(0) - images.mean(0)))
    left, sizes, right = torch.linalg.svd(moved.T @ texts)
    rank = int((sizes > least * sizes[0]).sum())
    rest, others = left[:, rank:], right[rank:]
    first, _, second = torch.linalg.svd((others @ rest).T)
    return left[:, :rank] @ right[:rank] + rest @ (first @ second) @ others
