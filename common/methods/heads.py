"""Projection heads and predictors: linear layers with what stands between and after them."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


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
