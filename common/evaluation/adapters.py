"""What is done to vectors of texts before a head for images learns from them (CLOSE)."""

import torch
from torch import Tensor

from common.losses.precision import unit


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


def mapped(text: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns texts through a linear map ``weight (dim, dim)``, ``bias (dim,)``, unit length."""
    return unit(unit(text) @ weight.T + bias)


def fit_map(image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Returns weight and bias of the map from unit texts to unit images by least squares."""
    known = torch.cat([unit(text), torch.ones_like(text[:, :1])], 1)
    found = torch.linalg.lstsq(known, unit(image), driver="gelsd").solution
    return found[:-1].T, found[-1]
