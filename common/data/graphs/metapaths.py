"""Meta-path graphs: counts, PathSim, the k nearest neighbours, normalisation, masks."""

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from common.errors import DataError

Matrix = Any  # a scipy.sparse.csr_matrix


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


def pathsim(counts: Matrix) -> Matrix:
    """Returns ``2 A_ij / (A_ii + A_jj)`` at the non-zeros of ``counts`` (Sun et al. 2011)."""
    entries = sp.coo_matrix(counts)
    diagonal = counts.diagonal()
    values = 2 * entries.data / (diagonal[entries.row] + diagonal[entries.col])
    return sp.csr_matrix((values, (entries.row, entries.col)), shape=counts.shape)


def keep_nearest(counts: Matrix, k: int, ties: str = "last", seed: int = 0) -> Matrix:
    """Keeps, in each row, the counts at the ``k`` largest PathSim values (itself included).

    The result is not symmetric. Where values tie at the k-th place, ``ties`` decides: the nodes
    that come ``first`` or ``last``, the same ``random`` order for every row, or ``numpy``: what
    reversing numpy's unstable argsort gives on this machine, as in the official code.
    """
    counts = sp.csr_matrix(counts)
    counts.eliminate_zeros()
    counts.sort_indices()
    diagonal, order = counts.diagonal().astype(np.float64), np.arange(counts.shape[1])
    if ties == "random":
        order = np.random.default_rng(seed).permutation(counts.shape[1])
    elif ties == "last":
        order = order[::-1]
    kept = []
    for row, (begin, end) in enumerate(pairwise(counts.indptr)):
        columns, values = counts.indices[begin:end], counts.data[begin:end]
        similarity = 2 * values / (diagonal[row] + diagonal[columns])
        if ties == "numpy":
            best = _numpy_order(columns, similarity, k, counts.shape[1])
        else:
            best = np.lexsort((order[columns], -similarity))[:k]
        kept.append(begin + np.sort(best))
    indptr = np.concatenate([[0], np.cumsum([len(best) for best in kept])])
    places = np.concatenate(kept)
    shape = counts.shape
    return sp.csr_matrix((counts.data[places], counts.indices[places], indptr), shape=shape)


def _numpy_order(
    columns: NDArray[np.int32], similarity: NDArray[np.float64], k: int, num_columns: int
) -> NDArray[np.int64]:
    dense = np.zeros(num_columns)
    dense[columns] = similarity
    chosen = np.argsort(dense)[::-1][:k]
    # Zeros may be among them; they carry no count.
    return np.flatnonzero(np.isin(columns, chosen))


def normalise(adjacency: Matrix) -> Matrix:
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
    """Divides each row by its sum; a row without neighbours stays 0."""
    sums = np.maximum(np.asarray(incidence.sum(1), dtype=np.float64).ravel(), 1)
    return sp.csr_matrix(sp.diags(1 / sums) @ incidence)
