"""Sampled batches of a graph: some target nodes, drawn neighbours of theirs, and their contexts.

PyTorch Geometric's ``NeighborLoader`` needs compiled extras (pyg-lib or torch-sparse) and draws
from a generator that differs by worker; here numpy draws, and a node's draws are a function of
seed, epoch, batch and node, whoever asks.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphConfig
from common.data.graphs.metapath_graphs import Matrix, row_mean
from common.data.graphs.operators import Operator, make_operator
from common.data.graphs.prepare import PreparedGraph, hop_incidence
from common.data.graphs.splits import Ids
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from common.errors import ConfigError

# Constants of splitmix64.
GOLDEN, FIRST, SECOND = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
INNER, OUTER, CONTEXT = 0, 1, 2


class NeighbourBatches(Dataset[GraphBatch]):
    """Gives, for a key, its target nodes as a graph of two layers of drawn neighbours.

    A row's entries are replaced by ``fanout`` draws with replacement where there are more, each
    weighing degree / fanout: the expectation of every product is the whole graph's. The clean and
    the masked graph of a meta-path share their draws. The contexts of all hops are held, equal rows
    of a long one once.

    Args:
        prepared: The whole graph.
        hop_types: The node type at the end of each hop.
        config: For ``fanouts`` and ``context_fanout``.
        seed: Seed of the draws.
        dtype: Dtype of the batches; None: torch's default.
    """

    def __init__(
        self,
        prepared: PreparedGraph,
        hop_types: tuple[int, ...],
        config: GraphConfig,
        seed: int,
        dtype: torch.dtype | None = None,
    ) -> None:
        if 0 in hop_types:
            raise ConfigError(
                "data.batch_size: a meta-path that passes the target type needs the whole graph; "
                "use null, or name other data.metapaths"
            )
        self.prepared, self.hop_types, self.config = prepared, hop_types, config
        self.seed, self.dtype = seed, dtype
        self.incidences = [hop_incidence(prepared.links, hop) for hop in prepared.hops]
        # One matrix for both graphs of a meta-path: its real part is clean, its imaginary masked.
        self.edges = [
            sp.csr_matrix(clean + 1j * masked, dtype=np.complex64)
            for clean, masked in zip(prepared.adjacency, prepared.masked, strict=True)
        ]

    def __len__(self) -> int:
        """Returns the number of target nodes."""
        return int(self.edges[0].shape[0])

    def __getitem__(self, key: BatchKey) -> GraphBatch:
        """Draws the batch of ``key.rows``."""
        seeds = key.rows.numpy()
        inner_fanout, outer_fanout = self.config.fanouts
        inner, second = relabel(self._draw_all(self.edges, seeds, inner_fanout, key, INNER))
        outer, first = relabel(self._draw_all(self.edges, inner, outer_fanout, key, OUTER))
        hops, nodes = self._contexts(outer, key)
        features = [
            self._features(x, rows, count)
            for x, rows, count in zip(
                self.prepared.features, nodes, self.prepared.num_nodes, strict=True
            )
        ]
        return GraphBatch(
            tuple(features),
            self._features(self.prepared.masked_features, outer, len(self)),
            hops,
            *(
                tuple(self._operator(part(matrix)) for matrix in layer)
                for layer in (first, second)
                for part in (np.real, np.imag)
            ),
        )

    def _draw_all(
        self, matrices: list[Matrix], rows: Ids, fanout: int, key: BatchKey, layer: int
    ) -> list[Matrix]:
        return [
            draw_neighbours(matrix, rows, fanout, self._salt(key, layer, number))
            for number, matrix in enumerate(matrices)
        ]

    def _salt(self, key: BatchKey, layer: int, number: int) -> int:
        return keyed_generator(self.seed, key.epoch, key.batch, layer, number).initial_seed()

    def _contexts(self, outer: Ids, key: BatchKey) -> tuple[tuple[Operator, ...], list[Ids]]:
        """Returns the drawn hops of ``outer`` and the nodes of every type that they end at."""
        fanout = self.config.context_fanout
        drawn = [
            draw_neighbours(
                hop.rows, outer, fanout, self._salt(key, CONTEXT, number), hop.place[outer]
            )
            for number, hop in enumerate(self.incidences)
        ]
        nodes = [outer, *(np.zeros(1, dtype=np.int64) for _ in self.prepared.features[1:])]
        for node_type in set(self.hop_types):
            places = [i for i, end in enumerate(self.hop_types) if end == node_type]
            nodes[node_type], renamed = relabel([drawn[i] for i in places])
            for i, matrix in zip(places, renamed, strict=True):
                drawn[i] = matrix
        # Weights of a row are equal: its mean is over what was drawn.
        return tuple(self._operator(row_mean(matrix)) for matrix in drawn), nodes

    def _features(self, x: Any, rows: Ids, num_nodes: int) -> Operator:
        if x is not None:
            return self._operator(x[rows])
        # Rows of the identity choose among the rows of a weight.
        ones = (np.ones(len(rows)), rows, np.arange(len(rows) + 1))
        return self._operator(sp.csr_matrix(ones, shape=(len(rows), num_nodes)))

    def _operator(self, matrix: Any) -> Operator:
        return make_operator(matrix, self.dtype)


def draw_neighbours(
    matrix: Matrix, rows: Ids, fanout: int, salt: int, place: Ids | None = None
) -> Matrix:
    """Returns rows of ``matrix`` with at most ``fanout`` draws each, their expectation the row.

    Args:
        matrix: CSR.
        rows: Which.
        fanout: Rows with more entries are drawn from with replacement.
        salt: With the row's number, the seed of its draws.
        place: Where ``matrix`` has these rows; null: at their numbers.
    """
    place = rows if place is None else place
    begin = matrix.indptr[place].astype(np.int64)
    degree = matrix.indptr[place + 1] - begin
    taken = np.minimum(degree, fanout)
    indptr = np.concatenate([[0], np.cumsum(taken)])
    owner = np.repeat(np.arange(len(rows)), taken)
    slot = np.arange(indptr[-1]) - indptr[owner]
    chance = (uniform(rows[owner], slot, salt) * degree[owner]).astype(np.int64)
    entry = begin[owner] + np.where(degree[owner] > fanout, chance, slot)
    values = matrix.data[entry] * (degree / np.maximum(taken, 1))[owner]
    shape = (len(rows), matrix.shape[1])
    return sp.csr_matrix((values, matrix.indices[entry].astype(np.int64), indptr), shape=shape)


def uniform(rows: Ids, slots: Ids, salt: int) -> NDArray[np.float64]:
    """Returns numbers in [0, 1), a function of row, slot and ``salt`` alone."""
    mixed = _mix(rows.astype(np.uint64) + np.uint64(salt))
    mixed = _mix(mixed + (slots.astype(np.uint64) + np.uint64(1)) * GOLDEN)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * FIRST
    x = (x ^ (x >> np.uint64(27))) * SECOND
    return x ^ (x >> np.uint64(31))


def relabel(matrices: list[Matrix]) -> tuple[Ids, list[Matrix]]:
    """Returns the columns in use, ascending, and the matrices with these columns only."""
    nodes = np.unique(np.concatenate([matrix.indices for matrix in matrices]))
    if not len(nodes):  # nobody has a neighbour: one column of zeros keeps the shapes
        nodes = np.zeros(1, dtype=np.int64)
    renamed = []
    for matrix in matrices:
        parts = (matrix.data, np.searchsorted(nodes, matrix.indices), matrix.indptr)
        small = sp.csr_matrix(parts, shape=(matrix.shape[0], len(nodes)))
        small.sum_duplicates()
        renamed.append(small)
    return nodes, renamed
