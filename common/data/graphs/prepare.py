"""From a graph and its meta-paths to what a training step needs."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphConfig, GraphFacts
from common.data.graphs.graph import HeteroGraph, Links
from common.data.graphs.incidence import hop_incidence
from common.data.graphs.metapaths import (
    Matrix,
    mask_edges,
    mask_entries,
    nearest_graph,
    normalise,
    path_product,
    row_mean,
)
from common.data.graphs.operators import Operator, RepeatedOperator, make_operator, repeat_rows

Hop = tuple[str, ...]


def split_hops(graph: HeteroGraph, metapaths: list[str]) -> tuple[list[Hop], list[list[int]]]:
    """Returns the distinct hops and, for each meta-path, which of them give its context.

    The hops of a-p-c-p-a are a-p, a-p-c and a-p-c-p: all beginnings that end at an
    intermediate node.
    """
    hops: list[Hop] = []
    contexts = []
    for metapath in metapaths:
        types, own = graph.parse(metapath), []
        for length in range(2, len(types)):
            hop = tuple(types[:length])
            if hop not in hops:
                hops.append(hop)
            own.append(hops.index(hop))
        contexts.append(own)
    return hops, contexts


def make_facts(
    graph: HeteroGraph, metapaths: list[str], batch_size: int | None = None
) -> GraphFacts:
    """Returns what a module is built from."""
    hops, contexts = split_hops(graph, metapaths)
    types = list(graph.num_nodes)
    dims = []
    for node_type in types:
        features = graph.features.get(node_type)
        dims.append(graph.num_nodes[node_type] if features is None else features.shape[1])
    return GraphFacts(
        num_nodes=min(len(graph.labels), batch_size or len(graph.labels)),
        num_classes=graph.num_classes,
        feature_dims=tuple(dims),
        hop_types=tuple(types.index(hop[-1]) for hop in hops),
        contexts=tuple(tuple(own) for own in contexts),
    )


@dataclass(frozen=True)
class Prepared:
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
    graph: HeteroGraph, metapaths: list[str], config: GraphConfig, seed: int
) -> Prepared:
    """Selects neighbours and draws the masks, once for the whole training."""
    generator = np.random.default_rng(seed)
    adjacency, masked = [], []
    for path, k, share in zip(metapaths, config.top_k, config.edge_mask, strict=True):
        ones = config.path_counts == "ones"
        kept = nearest_graph(*graph.halves(path), k, config.ties, ones)
        adjacency.append(normalise(kept))
        masked.append(normalise(mask_edges(kept, share, generator)))
    target = graph.features.get(graph.target)
    if target is None:
        target = sp.identity(len(graph.labels), format="csr")
    return Prepared(
        tuple(graph.num_nodes.values()),
        tuple(graph.features.get(node_type) for node_type in graph.num_nodes),
        mask_entries(sp.csr_matrix(target), config.feature_mask, generator),
        graph.links,
        split_hops(graph, metapaths)[0],
        adjacency,
        masked,
    )


def make_batch(prepared: Prepared) -> GraphBatch:
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


def propagate(graph: HeteroGraph, path: list[str], x: NDArray[Any]) -> NDArray[np.float32]:
    """Returns ``x``: (end nodes, dim) averaged over all paths that end there.

    The product of the whole path is never built: it is applied link by link from the right.
    """
    total = np.ones((x.shape[0], 1))
    product: Any = x.astype(np.float64)
    for source, end in reversed(list(pairwise(path))):
        step = path_product(graph.links, [source, end])
        product, total = step @ product, step @ total
    return np.asarray(product / np.maximum(total, 1), dtype=np.float32)
