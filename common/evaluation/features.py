"""Features with labels, as the protocols on images take them."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class HasFeatures(Protocol):
    """What protocols on features are given."""

    @property
    def features(self) -> "FeatureSet":
        """Features of whole samples with their labels, on the CPU."""
        ...


class FeatureSet(NamedTuple):
    """``train_x``: (num_train, dim), ``train_y``: (num_train,); the same for the tested split."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor

    @property
    def features(self) -> "FeatureSet":
        """Itself: a protocol on features takes whatever has them."""
        return self

    def standardised(self) -> "FeatureSet":
        """Returns features of zero mean and unit deviation, measured on ``train_x``."""
        mean, std = self.train_x.mean(0), self.train_x.std(0, correction=0)
        scale = inverse_scale(mean, std)
        train, test = (self.train_x - mean) * scale, (self.test_x - mean) * scale
        return self._replace(train_x=train, test_x=test)


def inverse_scale(mean: Tensor, std: Tensor) -> Tensor:
    """Returns 1 / std, and 0 where a feature is constant: it stays 0 rather than NaN."""
    return torch.where(std > 1e-8 * (1 + mean.abs()), 1 / std.clamp(min=1e-30), 0 * std)


def percent_equal(predicted: Tensor, labels: Tensor) -> float:
    """Returns the share of ``predicted`` that equals ``labels``, in per cent."""
    return 100 * (predicted == labels).double().mean().item()


def percent_within(scores: Tensor, labels: Tensor, k: int) -> float:
    """Returns how often the label is among the ``k`` best of ``scores (num, classes)``, in %."""
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return 100 * (best == labels[:, None]).any(1).double().mean().item()
