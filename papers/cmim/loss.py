"""The terms of cMIM's loss (arXiv 2502.19642), of A-MIM's and of a VAE's, each per sample.

All compute in float32 or wider. A code has a normal density with a mean and the logarithm of a
standard deviation, ``log_scale``, in each dimension.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.precision import unit, upcast


def log_normal(z: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Returns the log density of ``z``, summed over dimensions: ``(batch, dim)`` to ``(batch,)``.

    Args:
        z: Where the density is asked for.
        mean: The same shape.
        log_scale: The logarithm of the standard deviation, not of the variance.
    """
    z, mean, log_scale = upcast(z), upcast(mean), upcast(log_scale)
    deviations = (z - mean) * (-log_scale).exp()
    return -(deviations.square() / 2 + log_scale + math.log(2 * math.pi) / 2).sum(1)


def log_prior(z: Tensor) -> Tensor:
    """Returns the log density of codes ``(batch, dim)`` under a unit normal, ``(batch,)``."""
    zeros = torch.zeros_like(z)
    return log_normal(z, zeros, zeros)


def mim_density(log_q: Tensor, prior: Tensor) -> Tensor:
    """Returns A-MIM's term ``-(log q + log P) / 2``, ``(batch,)``: narrow densities lower it."""
    return -(log_q + prior) / 2


def vae_density(log_q: Tensor, prior: Tensor) -> Tensor:
    """Returns a VAE's term ``log q - log P``, ``(batch,)``: narrow densities raise it."""
    return log_q - prior


def log_bernoulli(x: Tensor, logits: Tensor) -> Tensor:
    """Returns the log likelihood of ``x`` in 0..1, summed over pixels: to ``(batch,)``.

    Args:
        x: ``(batch, pixels)``.
        logits: The same shape.
    """
    with torch.autocast(x.device.type, enabled=False):
        errors = F.binary_cross_entropy_with_logits(upcast(logits), upcast(x), reduction="none")
        return -errors.sum(1)


def log_gaussian(x: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """Returns the log likelihood of ``x``, ``(batch, pixels)`` to ``(batch,)``.

    Args:
        x: Any values.
        mean: The same shape.
        deviation: The standard deviation of each pixel.
    """
    return log_normal(x, mean, torch.full_like(mean, math.log(deviation)))


def code_contrast(
    anchors: Tensor, codes: Tensor, temperature: float, negatives: str = "mean", first: int = 0
) -> Tensor:
    """Returns the contrastive term of each anchor, ``(anchors,)``; 0 where there is one code.

    With ``e = exp(cosine / temperature)`` it is ``-log(e_own / (e_own + n))``, where ``n`` is the
    mean of e over all other codes, so that the term does not grow with their number, or the sum,
    as in InfoNCE.

    Args:
        anchors: ``(anchors, dim)``, of any norm. In cMIM they are the codes themselves.
        codes: ``(batch, dim)``; under several processes those of all of them.
        temperature: Divides the cosines.
        negatives: ``mean`` or ``sum``.
        first: The place of the first anchor's own code.
    """
    with torch.autocast(codes.device.type, enabled=False):
        scores = unit(anchors) @ unit(codes).T / temperature
        rows = torch.arange(len(anchors), device=scores.device)
        positive = scores[rows, first + rows]
        if len(codes) == 1:
            return 0 * positive
        others = scores.scatter(1, (first + rows)[:, None], -torch.inf).logsumexp(1)
        if negatives == "mean":
            others = others - math.log(len(codes) - 1)
        return F.softplus(others - positive)
