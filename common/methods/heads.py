"""Projection heads and predictors, and how views pass a network."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(
    dims: Sequence[int],
    batch_norm: bool = True,
    last_norm: bool = False,
    last_affine: bool = False,
    bias: bool | None = None,
) -> nn.Sequential:
    """Returns linear layers of ``dims``, each but the last followed by batch norm and ReLU.

    Args:
        dims: Widths of input, hidden layers and output.
        batch_norm: After each hidden layer.
        last_norm: Batch norm after the last layer too.
        last_affine: That one learns a scale and a shift.
        bias: Whether layers have one; null: where no batch norm follows, whose mean takes it out.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(dims[:-1]):
        layers.append(nn.Linear(before, after, bias=not batch_norm if bias is None else bias))
        layers += [nn.BatchNorm1d(after)] if batch_norm else []
        layers.append(nn.ReLU(inplace=True))
    layers.append(nn.Linear(dims[-2], dims[-1], bias=not last_norm if bias is None else bias))
    layers += [nn.BatchNorm1d(dims[-1], affine=last_affine)] if last_norm else []
    return nn.Sequential(*layers)


def pass_views(
    network: Callable[[Tensor], Tensor], views: Sequence[Tensor], together: bool
) -> Tensor:
    """Returns ``network`` of each view, ``(views, batch, dim)``.

    Args:
        network: Maps ``(batch, ...)`` to ``(batch, dim)``.
        views: ``(batch, channels, height, width)`` each; of one size where they pass together.
        together: In one batch, over which batch norm takes its statistics, or one after the other.
    """
    if together:
        return network(torch.cat(list(views))).unflatten(0, (len(views), -1))
    return torch.stack([network(view) for view in views])
