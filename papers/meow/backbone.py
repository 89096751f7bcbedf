"""Encoders of heterogeneous graphs: neighbour contexts, a shared GCN, semantic attention."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.graphs.operators import Operator
from common.distributed.collectives import all_reduce_sum_with_grad, world_size

LAYER_NORM_EPS = 1e-5


class Propagation(Protocol):
    """Anything with ``adjacency @ x``: a tensor, an `Operator` or a `MeanOperator`."""

    def __matmul__(self, x: Tensor, /) -> Tensor:
        """Returns the product with ``x``."""
        ...


@dataclass(frozen=True)
class MeanOperator:
    """The mean of several operators, without a matrix of its own."""

    parts: tuple[Operator, ...]

    def __matmul__(self, x: Tensor) -> Tensor:
        """Returns the mean of the products with ``x``."""
        products = [part @ x for part in self.parts]
        return torch.stack(products).mean(0)


class WholeGraphGCN(nn.Module):
    """Two graph convolutions and one normalisation over the whole output matrix.

    ``layer_norm(A drop(prelu(A drop(x w1)) w2))`` with one mean and one variance over all nodes
    and features, without affine parameters: it couples all nodes (HeCo's and MEOW's encoder).

    Args:
        dim_in: Input features.
        dim_hidden: Features between the convolutions.
        dim_out: Output features.
        dropout: On each convolution's features, before they are propagated.
    """

    def __init__(self, dim_in: int, dim_hidden: int, dim_out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.w1 = nn.Parameter(_uniform(dim_in, dim_hidden))
        self.w2 = nn.Parameter(_uniform(dim_hidden, dim_out))
        self.activation = nn.PReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, adjacency: Propagation, second: Propagation | None = None
    ) -> Tensor:
        """Maps ``x``: (nodes, dim_in) to (nodes, dim_out).

        Args:
            x: Features; of a sampled batch, of its outer nodes.
            adjacency: Adjacency of both convolutions.
            second: Of the second one in a sampled batch, whose rows of all processes are normalised
                together.
        """
        hidden = self.activation(adjacency @ self.dropout(x @ self.w1))
        z = (adjacency if second is None else second) @ self.dropout(hidden @ self.w2)
        return _normalise_matrix(z, shared=second is not None)


def _normalise_matrix(z: Tensor, shared: bool) -> Tensor:
    if not shared or world_size() == 1:
        return F.layer_norm(z, z.shape, eps=LAYER_NORM_EPS)
    count = z.numel() * world_size()
    centred = z - all_reduce_sum_with_grad(z.sum()) / count
    variance = all_reduce_sum_with_grad(centred.square().sum()) / count
    return centred * torch.rsqrt(variance + LAYER_NORM_EPS)


def _uniform(rows: int, columns: int) -> Tensor:
    bound = 1 / math.sqrt(columns)
    return torch.empty(rows, columns).uniform_(-bound, bound)


class SemanticAttention(nn.Module):
    """One softmax weight a view, the same for all nodes (HAN, section 4.2).

    ``beta = softmax over views of query . mean over nodes of tanh(linear(view))``.
    """

    def __init__(self, dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.query = nn.Parameter(torch.empty(1, dim))
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_normal_(self.linear.weight, gain=1.414)
        nn.init.xavier_normal_(self.query, gain=1.414)

    def weights(self, views: Tensor, shared: bool = False) -> Tensor:
        """Returns beta: (views,) for ``views``: (views, nodes, dim).

        With ``shared`` the nodes are those of all processes, which hold equally many.
        """
        summaries = torch.tanh(self.linear(views)).mean(1)
        if shared:
            summaries = all_reduce_sum_with_grad(summaries) / world_size()
        return torch.softmax(summaries @ self.dropout(self.query)[0], 0)

    def forward(self, views: Tensor, shared: bool = False) -> Tensor:
        """Fuses ``views``: (views, nodes, dim) to (nodes, dim)."""
        return torch.einsum("v,vnd->nd", self.weights(views, shared), views)


class NodeProjection(nn.Module):
    """``elu(dropout(W x + b))`` for one node type; without features x is the identity matrix."""

    def __init__(self, dim_in: int, dim_out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(dim_in, dim_out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Propagation | None) -> Tensor:
        """Maps ``features``: (nodes, dim_in), or None, to (nodes, dim_out)."""
        weight = self.linear.weight.T
        product = weight if features is None else features @ weight
        return F.elu(self.dropout(product + self.linear.bias))
