"""Constant matrices applied to node features: ``operator @ x``."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

# Above this share of non-zeros a dense product is faster than a sparse one.
DENSE_FROM = 0.25


@dataclass(frozen=True)
class Operator:
    """A matrix without gradient; both directions are kept, since the backward pass needs both.

    ``forward``: (rows, columns), ``backward``: (columns, rows), both CSR, or one dense matrix and a
    view of it.
    """

    forward: Tensor
    backward: Tensor

    def __matmul__(self, x: Tensor) -> Tensor:
        """Returns the product with ``x``: (columns, dim); the gradient flows to ``x``."""
        product: Tensor = _Product.apply(x, self.forward, self.backward)
        return product

    def to(self, device: torch.device) -> "Operator":
        """Returns the operator on ``device``."""
        forward = self.forward.to(device)
        dense = forward.layout == torch.strided
        return Operator(forward, forward.T if dense else self.backward.to(device))


@dataclass(frozen=True)
class RepeatedOperator:
    """A matrix with many equal rows, of which each is held once.

    ``distinct``: (distinct rows, columns). ``repeat``: (rows, distinct rows), a single 1 in each
    row. An index would do forward; as a product the gradients of equal rows are added up in the
    same order every time (on a CPU; not tried on a GPU).
    """

    distinct: Operator
    repeat: Operator

    def __matmul__(self, x: Tensor) -> Tensor:
        """Returns the product with ``x``: (columns, dim); the gradient flows to ``x``."""
        return self.repeat @ (self.distinct @ x)

    def to(self, device: torch.device) -> "RepeatedOperator":
        """Returns the operator on ``device``."""
        return RepeatedOperator(self.distinct.to(device), self.repeat.to(device))


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed @ grad_outputs[0].contiguous(), None, None


def make_operator(matrix: Any, dtype: torch.dtype | None = None) -> Operator:
    """Builds the operator of a scipy sparse matrix or a dense array.

    Stored zeros are dropped; a matrix with many non-zeros becomes dense. The operator may share
    the arrays of ``matrix``, which must not be changed afterwards. Without ``dtype`` it is in
    torch's default type.
    """
    dtype = dtype or torch.get_default_dtype()
    sparse = sp.csr_matrix(matrix)
    sparse.eliminate_zeros()
    if sparse.nnz >= DENSE_FROM * np.prod(sparse.shape):
        dense = torch.from_numpy(sparse.toarray()).to(dtype)
        return Operator(dense, dense.T)
    return Operator(_to_torch(sparse, dtype), _to_torch(sp.csr_matrix(sparse.T), dtype))


def repeat_rows(distinct: Operator, place: NDArray[np.int64]) -> RepeatedOperator:
    """Builds the operator of which row ``i`` is row ``place[i]`` of ``distinct``."""
    rows = distinct.forward.shape[0]
    ones = np.ones(len(place)), place, np.arange(len(place) + 1)
    repeat = make_operator(sp.csr_matrix(ones, shape=(len(place), rows)), distinct.forward.dtype)
    return RepeatedOperator(distinct, repeat)


def _to_torch(matrix: Any, dtype: torch.dtype) -> Tensor:
    indptr, indices, data = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
    return csr_tensor(indptr.int(), indices.int(), data.to(dtype), matrix.shape)


def csr_tensor(indptr: Tensor, indices: Tensor, values: Tensor, shape: Any) -> Tensor:
    """Returns the CSR tensor of these parts; rows keep their order."""
    with warnings.catch_warnings():
        # torch calls its CSR tensors beta once a process; all that is used here is the product.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(indptr, indices, values, shape, check_invariants=False)
