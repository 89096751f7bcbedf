"""From a graph and its meta-paths to what a training step needs."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphConfig, GraphFacts
from common.data.graphs.graph import (
    Links,
    count_classes,
    get_features,
    join_links,
    node_counts,
    split_metapath,
)
from common.data.graphs.metapath_graphs import (
    Matrix,
    halves,
    mask_edges,
    mask_entries,
    nearest_graph,
    normalise_adjacency,
    path_product,
    row_mean,
)
from common.data.graphs.operators import Operator, RepeatedOperator, make_operator, repeat_rows
from common.data.graphs.splits import Ids
from common.errors import ConfigError

Hop = tuple[str, ...]


def split_hops(graph: HeteroData, metapaths: list[str]) -> tuple[list[Hop], list[list[int]]]:
    """Returns the distinct hops and, for each meta-path, which of them give its context.

    The hops of a-p-c-p-a are a-p, a-p-c and a-p-c-p: all beginnings that end at an
    intermediate node.
    """
    hops: list[Hop] = []
    contexts = []
    for metapath in metapaths:
        types, own = split_metapath(graph, metapath), []
        for length in range(2, len(types)):
            hop = tuple(types[:length])
            if hop not in hops:
                hops.append(hop)
            own.append(hops.index(hop))
        contexts.append(own)
    return hops, contexts


def make_facts(
    graph: HeteroData, metapaths: list[str], batch_size: int | None = None
) -> GraphFacts:
    """Returns what a module is built from."""
    hops, contexts = split_hops(graph, metapaths)
    counts = node_counts(graph)
    types, targets = list(counts), counts[graph.target]
    dims = [graph[name].x.shape[1] if "x" in graph[name] else counts[name] for name in types]
    return GraphFacts(
        num_nodes=min(targets, batch_size or targets),
        num_classes=count_classes(graph),
        feature_dims=tuple(dims),
        hop_types=tuple(types.index(hop[-1]) for hop in hops),
        contexts=tuple(tuple(own) for own in contexts),
    )


@dataclass(frozen=True)
class PreparedGraph:
    """The matrices of a graph, from which whole and sampled batches are made.

    ``features``: by type, None for the identity. ``links`` and ``hops``: of which contexts are made
    where they are needed; the products of long hops are the largest matrices of all. ``adjacency``
    and ``masked``: normalised, a meta-path.
    """

    num_nodes: tuple[int, ...]
    features: tuple[Any, ...]
    masked_features: Any
    links: Links
    hops: list[Hop]
    adjacency: list[Matrix]
    masked: list[Matrix]


def prepare_graph(
    graph: HeteroData, metapaths: list[str], config: GraphConfig, seed: int
) -> PreparedGraph:
    """Selects neighbours and draws the masks, once for the whole training.

    Raises:
        ConfigError: Lists of ``data:`` that do not fit the meta-paths.
        DataError: Meta-paths that do not chain.
    """
    generator, links, counts = np.random.default_rng(seed), join_links(graph), node_counts(graph)
    adjacency, masked = [], []
    for path, k, share in zip(metapaths, *fit_lists(config, metapaths), strict=True):
        ones = config.path_counts == "ones"
        kept = nearest_graph(*halves(links, split_metapath(graph, path)), k, config.ties, ones)
        adjacency.append(normalise_adjacency(kept))
        masked.append(normalise_adjacency(mask_edges(kept, share, generator)))
    features = tuple(get_features(graph, node_type) for node_type in counts)
    target = features[0]
    if target is None:
        target = sp.identity(counts[graph.target], format="csr")
    return PreparedGraph(
        tuple(counts.values()),
        features,
        mask_entries(sp.csr_matrix(target), config.feature_mask, generator),
        links,
        split_hops(graph, metapaths)[0],
        adjacency,
        masked,
    )


def fit_lists(config: GraphConfig, metapaths: list[str]) -> tuple[list[int], list[float]]:
    """Returns ``top_k`` and ``edge_mask`` of each meta-path; a single value is that of all.

    Raises:
        ConfigError: They, or the fanouts, have another length.
    """
    lists: dict[str, list[Any]] = {"top_k": config.top_k, "edge_mask": config.edge_mask}
    for name, values in lists.items():
        if len(values) not in (1, len(metapaths)):
            raise ConfigError(
                f"data.{name}={values}: give one value, or one for each of the {len(metapaths)} "
                f"meta-paths {', '.join(metapaths)}"
            )
    if len(config.fanouts) != 2:
        raise ConfigError(f"data.fanouts={config.fanouts}: give two, one a layer")
    repeats = {name: len(metapaths) // len(values) for name, values in lists.items()}
    return config.top_k * repeats["top_k"], config.edge_mask * repeats["edge_mask"]


def make_batch(prepared: PreparedGraph) -> GraphBatch:
    """Builds the operators of the whole graph, of one hop after the other."""
    return GraphBatch(
        tuple(None if x is None else make_operator(x) for x in prepared.features),
        make_operator(prepared.masked_features),
        tuple(_context_operator(prepared.links, hop) for hop in prepared.hops),
        tuple(make_operator(matrix) for matrix in prepared.adjacency),
        tuple(make_operator(matrix) for matrix in prepared.masked),
    )


def _context_operator(links: Links, hop: Hop) -> Operator | RepeatedOperator:
    incidence = hop_incidence(links, hop)
    operator = make_operator(row_mean(incidence.rows))
    return repeat_rows(operator, incidence.place) if incidence.repeats else operator


def propagate(links: Links, path: list[str], x: NDArray[Any]) -> NDArray[np.float32]:
    """Returns ``x``: (end nodes, dim) averaged over all paths that end there.

    The product of the whole path is never built: it is applied link by link from the right.
    """
    total = np.ones((x.shape[0], 1))
    product: Any = x.astype(np.float64)
    for source, end in reversed(list(pairwise(path))):
        step = path_product(links, [source, end])
        product, total = step @ product, step @ total
    return np.asarray(product / np.maximum(total, 1), dtype=np.float32)


# Equal rows are told apart from their repetition where at most this share of the rows is distinct.
MOST_DISTINCT = 0.5
KEY_BYTES = 16


@dataclass(frozen=True)
class Incidence:
    """A 0/1 matrix of which row ``i`` is ``rows[place[i]]``.

    ``rows``: CSR. ``place``: 0, 1, ... where each row has one of its own.
    """

    rows: Matrix
    place: Ids

    @property
    def repeats(self) -> bool:
        """Whether equal rows are held once."""
        return self.rows.shape[0] < len(self.place)


def hop_incidence(links: Links, hop: tuple[str, ...]) -> Incidence:
    """Returns the end nodes that each first node of ``hop`` reaches.

    Rows that are equal before a step are equal after it, so that the step is taken once for all of
    them: on DBLP author-paper-conference-paper has 10 million entries, of which 3 million are made.

    Raises:
        DataError: Two neighbouring types have no links between them.
    """
    rows = path_product(links, list(hop[:2]))
    place = np.arange(rows.shape[0])
    for step in pairwise(hop[1:]):
        first, own = find_equal_rows(rows)
        if len(first) <= MOST_DISTINCT * rows.shape[0]:
            rows, place = rows[first], own[place]
        rows = rows @ path_product(links, list(step))
        rows.data[:] = 1
    return Incidence(rows, place)


def find_equal_rows(matrix: Matrix) -> tuple[Ids, Ids]:
    """Returns the first of each set of equal rows of a 0/1 CSR ``matrix``, and each row's set."""
    matrix.sort_indices()
    # Digests instead of the rows themselves: a second copy of a large matrix is not made.
    known: dict[bytes, int] = {}
    own = np.empty(matrix.shape[0], dtype=np.int64)
    for row, (begin, end) in enumerate(pairwise(matrix.indptr)):
        key = hashlib.blake2b(matrix.indices[begin:end], digest_size=KEY_BYTES).digest()
        own[row] = known.setdefault(key, len(known))
    return np.unique(own, return_index=True)[1], own
