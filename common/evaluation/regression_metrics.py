"""Metrics of predicted numbers, over all samples and by how often a label was trained on."""

import torch
from torch import Tensor


def absolute_error_metrics(predicted: Tensor, truth: Tensor) -> dict[str, float]:
    """Returns ``mae``, ``mse``, ``rmse`` and ``gm``, the geometric mean of absolute errors.

    One error of zero makes ``gm`` zero. Every value is NaN where there are no samples.

    Args:
        predicted: ``(num,)``.
        truth: ``(num,)``.
    """
    error = (predicted.double() - truth.double()).abs()
    mse = float(error.square().mean())
    return {
        "mae": float(error.mean()),
        "mse": mse,
        "rmse": mse**0.5,
        "gm": float(error.log().mean().exp()),
    }


def regression_metrics(predicted: Tensor, truth: Tensor) -> dict[str, float]:
    """Returns `absolute_error_metrics` with ``pearson``, ``spearman`` and ``r2``.

    Correlations with a constant prediction are 0.

    Args:
        predicted: ``(num,)``.
        truth: ``(num,)``, not constant.
    """
    predicted, truth = predicted.double(), truth.double()
    spread = (truth - truth.mean()).square().mean()
    metrics = absolute_error_metrics(predicted, truth)
    return {
        **metrics,
        "pearson": correlation(predicted, truth),
        "spearman": correlation(ranks(predicted), ranks(truth)),
        "r2": float(1 - metrics["mse"] / spread),
    }


def shot_metrics(
    predicted: Tensor, truth: Tensor, train_labels: Tensor, many_above: int, few_below: int
) -> dict[str, float]:
    """Returns ``many_mae``, ``medium_gm`` and so on: `absolute_error_metrics` of each shot group.

    A sample's group is the number of training samples with its integer label: more than
    ``many_above`` is many, fewer than ``few_below`` few, the rest medium (Yang et al. 2021). Of an
    empty group every value is NaN.

    Args:
        predicted: ``(num,)``.
        truth: ``(num,)``; whole numbers, or cut to them.
        train_labels: ``(num_train,)``.
        many_above: Exclusive.
        few_below: Exclusive.
    """
    known, counts = train_labels.long().unique(return_counts=True)
    own = truth.long()
    place = torch.searchsorted(known, own).clamp(max=len(known) - 1)
    seen = torch.where(known[place] == own, counts[place], 0)
    groups = {
        "many": seen > many_above,
        "medium": (seen <= many_above) & (seen >= few_below),
        "few": seen < few_below,
    }
    return {
        f"{group}_{name}": value
        for group, rows in groups.items()
        for name, value in absolute_error_metrics(predicted[rows], truth[rows]).items()
    }


def correlation(x: Tensor, y: Tensor) -> float:
    """Returns Pearson's correlation of two vectors, 0 where one is constant."""
    x, y = x.double() - x.double().mean(), y.double() - y.double().mean()
    scale = float(x.norm() * y.norm())
    return float(x @ y) / scale if scale > 0 else 0.0


def ranks(values: Tensor) -> Tensor:
    """Returns the ranks of ``values`` from 0, equal ones sharing their mean rank."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    first = counts.cumsum(0) - counts
    return (first.double() + (counts.double() - 1) / 2)[place]
