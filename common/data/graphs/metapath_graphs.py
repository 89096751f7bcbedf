"""Meta-path graphs: counts, PathSim, the k nearest neighbours, masks of edges."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from common.errors import DataError

Matrix = Any  # a scipy.sparse.csr_matrix
# Non-zeros of a meta-path product made at a time; their sort holds some 100 bytes each.
ENTRIES_AT_A_TIME = 2**22


def path_product(links: dict[tuple[str, str], Matrix], path: list[str]) -> Matrix:
    """Returns the number of paths from each first to each last node of ``path``.

    Raises:
        DataError: Two neighbouring types have no links between them.
    """
    product = None
    for source, end in pairwise(path):
        step = _step(links, source, end, path)
        product = step if product is None else sp.csr_matrix(product @ step)
    return product


def _step(links: dict[tuple[str, str], Matrix], source: str, end: str, path: list[str]) -> Matrix:
    if (source, end) in links:
        return links[source, end]
    if (end, source) in links:
        return sp.csr_matrix(links[end, source].T)
    known = ", ".join(f"{a}-{b}" for a, b in links)
    raise DataError(
        f"meta-path {'-'.join(path)} does not chain: no links between {source} and {end}; "
        f"links: {known}"
    )


def pathsim(counts: Matrix, diagonal: NDArray[Any], first: int = 0) -> NDArray[Any]:
    """Returns ``2 A_ij / (A_ii + A_jj)`` of each non-zero (Sun et al. 2011), in CSR order.

    It is 0 where neither node has a path back to itself, as a path over an even number of types
    may leave it.

    Args:
        counts: CSR rows of A.
        diagonal: The diagonal of the whole of A.
        first: The row of A that ``counts`` begins with.
    """
    rows = first + np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    own = np.asarray(diagonal[rows] + diagonal[counts.indices], dtype=np.float64)
    return np.divide(2 * counts.data, own, out=np.zeros_like(own), where=own > 0)


def halves(links: dict[tuple[str, str], Matrix], path: list[str]) -> tuple[Matrix, Matrix]:
    """Returns (targets, middle) and (middle, targets), whose product counts the paths.

    The product itself is only ever made for some rows at a time: `nearest_graph`.
    """
    middle = len(path) // 2
    return path_product(links, path[: middle + 1]), path_product(links, path[middle:])


def count_neighbours(left: Matrix, right: Matrix) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns, for each target, the paths back to itself and those to all others."""
    own = np.asarray(left.multiply(right.T).sum(1), dtype=np.float64).ravel()
    return own, left @ (right @ np.ones(right.shape[1])) - own


def nearest_graph(
    left: Matrix, right: Matrix, k: int, ties: str = "last", ones: bool = False
) -> Matrix:
    """Returns `keep_nearest` of ``left @ right`` without ever holding that product.

    Args:
        left: (targets, middle) counts.
        right: (middle, targets) counts.
        k: Neighbours kept a row.
        ties: As in `keep_nearest`.
        ones: Reduce the counts to 1 first, as some published files are stored.
    """
    diagonal, _ = count_neighbours(left, right)
    if ones:
        diagonal = np.minimum(diagonal, 1)
    kept = []
    for begin, end in _row_blocks(left, right):
        counts = sp.csr_matrix(left[begin:end] @ right)
        if ones:
            counts.data[:] = 1
        kept.append(_keep_rows(counts, diagonal, begin, k, ties))
    return sp.vstack(kept, format="csr")


def _row_blocks(left: Matrix, right: Matrix) -> Iterator[tuple[int, int]]:
    """Cuts the rows where the product of a block could reach `ENTRIES_AT_A_TIME` entries."""
    most = np.minimum(left.astype(bool) @ right.getnnz(axis=1), right.shape[1])
    total, begin = np.concatenate([[0], np.cumsum(most.astype(np.int64))]), 0
    while begin < left.shape[0]:
        end = int(np.searchsorted(total, total[begin] + ENTRIES_AT_A_TIME, side="right")) - 1
        end = max(end, begin + 1)
        yield begin, end
        begin = end


def keep_nearest(counts: Matrix, k: int, ties: str = "last") -> Matrix:
    """Keeps, in each row, the counts at the ``k`` largest PathSim values (itself included).

    The result is not symmetric. Where values tie at the k-th place, ``ties`` decides: the nodes
    that come ``last``, or ``numpy``: what reversing numpy's unstable argsort gives on this machine,
    as in the official code.
    """
    counts = sp.csr_matrix(counts)
    return _keep_rows(counts, counts.diagonal().astype(np.float64), 0, k, ties)


def _keep_rows(counts: Matrix, diagonal: NDArray[Any], first: int, k: int, ties: str) -> Matrix:
    """`keep_nearest` of the rows of ``counts``, which begin at row ``first`` of the graph."""
    counts.eliminate_zeros()
    counts.sort_indices()
    lengths = np.diff(counts.indptr)
    rows, columns = np.repeat(np.arange(len(lengths)), lengths), counts.indices
    similarity = pathsim(counts, diagonal, first)
    if ties == "numpy":
        chosen = np.zeros(counts.nnz, dtype=bool)
        for begin, end in pairwise(counts.indptr):
            part = slice(begin, end)
            chosen[part] = _chosen_by_numpy(columns[part], similarity[part], k, counts.shape[1])
    else:
        order = np.lexsort((-columns, -similarity, rows))
        chosen = np.empty(counts.nnz, dtype=bool)
        # The sort keeps rows together: a place's rank is its distance from its row's begin.
        chosen[order] = np.arange(counts.nnz) - counts.indptr[rows] < k
    indptr = np.concatenate([[0], np.cumsum(chosen)])[counts.indptr]
    return sp.csr_matrix((counts.data[chosen], columns[chosen], indptr), shape=counts.shape)


def _chosen_by_numpy(
    columns: NDArray[Any], similarity: NDArray[np.float64], k: int, num_columns: int
) -> NDArray[np.bool_]:
    # All are among the k greatest: so it is for most nodes, and sorting a whole row for each of
    # them was most of a preparation.
    if len(columns) <= k and similarity.all():
        return np.ones(len(columns), dtype=bool)
    dense = np.zeros(num_columns)
    dense[columns] = similarity
    # Zeros may be among them; they carry no count.
    return np.isin(columns, np.argsort(dense)[::-1][:k])


def normalise_adjacency(adjacency: Matrix) -> Matrix:
    """Returns ``D^-1/2 A^T D^-1/2`` with D the row sums of A; note the transpose."""
    sums = np.asarray(adjacency.sum(1), dtype=np.float64).ravel()
    inverse = np.divide(1.0, np.sqrt(sums), out=np.zeros_like(sums), where=sums > 0)
    scale = sp.diags(inverse)
    return sp.csr_matrix((adjacency @ scale).T @ scale)


def mask_edges(kept: Matrix, share: float, generator: np.random.Generator) -> Matrix:
    """Drops ``floor(share * E)`` of the off-diagonal edges; the rest become 1, diagonal 1."""
    entries = sp.coo_matrix(kept)
    off_diagonal = (entries.row != entries.col) & (entries.data != 0)
    edges = np.flatnonzero(off_diagonal)
    remaining = generator.permutation(edges)[int(share * len(edges)) :]
    rows, columns = entries.row[remaining], entries.col[remaining]
    ones = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=kept.shape)
    return sp.csr_matrix(ones + sp.identity(kept.shape[0], format="csr"))


def mask_entries(features: Matrix, share: float, generator: np.random.Generator) -> Matrix:
    """Sets ``floor(share * nnz)`` of the non-zero entries of ``features`` to zero."""
    masked = sp.csr_matrix(features, copy=True)
    masked.eliminate_zeros()
    dropped = generator.choice(masked.nnz, int(share * masked.nnz), replace=False)
    masked.data[dropped] = 0
    masked.eliminate_zeros()
    return masked


def row_mean(incidence: Matrix) -> Matrix:
    """Divides each row by its sum; a row without neighbours stays 0. float32 stays float32."""
    sums = np.maximum(np.asarray(incidence.sum(1), dtype=np.float64).ravel(), 1)
    scale = (1 / sums).astype(np.result_type(incidence.dtype, np.float32))
    return sp.csr_matrix(sp.diags(scale) @ incidence)
