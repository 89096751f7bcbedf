"""Graphs that stand in for a real one: of its form, and smaller where that is asked for.

Many PathSim values of such a graph are equal, as those of real graphs with few links are. With
``data.ties=last`` the place of a node decides, on every machine alike; ``numpy`` depends on it.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from common.data.graphs.batch import GraphBatch
from common.data.graphs.graph import (
    Edges,
    count_classes,
    get_features,
    get_labels,
    get_splits,
    join_links,
    make_edges,
    make_graph,
    node_counts,
)
from common.data.graphs.module import GraphData
from common.data.graphs.splits import Ids, NodeSplit
from common.data.synthetic import cycled

# Share of links, and of features that are not 0, that stay within a class.
PURITY = 0.6
# How far the class moves a dense feature.
SIGNAL = 0.3
# Types with at most so many nodes stay whole: subjects, conferences.
FEW = 60


def shape_of(data: GraphData) -> dict[str, Any]:
    """Returns what `make` must know of a graph; JSON can hold it.

    ``links`` and ``features``: how many entries are not 0. A type without features has None.
    """
    graph = data.graph
    return {
        "target": graph.target,
        "num_nodes": node_counts(graph),
        "links": [[*ends, int(matrix.nnz)] for ends, matrix in join_links(graph).items()],
        "features": {name: _shape_of_features(graph, name) for name in node_counts(graph)},
        "num_classes": count_classes(graph),
        "labelled": int((get_labels(graph) >= 0).sum()),
        "splits": {
            str(number): [len(ids) for ids in split] for number, split in get_splits(graph).items()
        },
        "metapaths": list(graph.metapaths),
    }


def _shape_of_features(graph: HeteroData, name: str) -> dict[str, Any] | None:
    features = get_features(graph, name)
    if features is None:
        return None
    entries = int(features.nnz) if sp.issparse(features) else None
    return {"width": int(features.shape[1]), "entries": entries}


def inputs(batch: GraphBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (batch,)


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> HeteroData:
    """Returns a graph whose links, features and labels tell of the same classes.

    Args:
        shape: What `shape_of` returned.
        rows: About so many target nodes, and the other nodes, links and splits in proportion; the
            features keep their widths. None: as many as there are.
        seed: Decides every draw.
    """
    generator, target = np.random.default_rng(seed), shape["target"]
    own = shape["num_nodes"][target]
    share = min(1.0, (rows or own) / own)
    num_nodes = {
        name: count if count <= FEW else max(round(count * share), FEW)
        for name, count in shape["num_nodes"].items()
    }
    homes = {
        name: cycled(count, shape["num_classes"], generator) for name, count in num_nodes.items()
    }
    edges: Edges = {}
    for first, second, entries in shape["links"]:
        pairs = _pairs(homes[first], homes[second], round(entries * share), generator)
        edges[first, second] = make_edges(pairs, (first, second), num_nodes, "synthetic")
    features = {
        name: _features(homes[name], entry, shape["num_nodes"][name], generator)
        for name, entry in shape["features"].items()
        if entry is not None
    }
    labels = homes[target].copy()
    labels[generator.permutation(len(labels))[round(shape["labelled"] * share) :]] = -1
    splits = {
        int(number): _split(labels, [round(size * share) for size in sizes], shape["num_classes"])
        for number, sizes in shape["splits"].items()
    }
    metapaths = tuple(shape["metapaths"])
    return make_graph(target, num_nodes, edges, features, labels, splits, metapaths)


def _pairs(first: Ids, second: Ids, count: int, generator: np.random.Generator) -> Ids:
    """Returns ``(count, 2)`` different pairs, most within a class; each node has one if it can.

    Args:
        first: The class of each node of the one type.
        second: The same of the other.
        count: Pairs.
        generator: Draws the pairs.
    """
    num, members = len(second), np.argsort(second, kind="stable")
    sizes = np.bincount(second, minlength=int(first.max()) + 1)
    begins = np.cumsum(sizes) - sizes

    def ends(rows: Ids) -> Ids:
        label = first[rows]
        within = members[
            (begins[label] + generator.integers(np.maximum(sizes[label], 1))).clip(max=num - 1)
        ]
        pure = generator.random(len(rows)) < PURITY
        return np.where(pure, within, generator.integers(num, size=len(rows)))

    every = np.arange(len(first))
    keys = np.concatenate(
        [every * num + ends(every), generator.integers(len(first), size=num) * num + np.arange(num)]
    )
    count = min(count, len(first) * num)
    while len(keys := _distinct(keys)) < count:
        rows = generator.integers(len(first), size=count)
        keys = np.concatenate([keys, rows * num + ends(rows)])
    return np.stack(np.divmod(keys[:count], num), 1)


def _distinct(keys: Ids) -> Ids:
    """Returns each of ``keys`` once, in the order of their first appearance."""
    return keys[np.sort(np.unique(keys, return_index=True)[1])]


def _features(homes: Ids, entry: dict[str, Any], own: int, generator: np.random.Generator) -> Any:
    """Returns dense features, or sparse ones of which a class has some more often than others."""
    width, entries = entry["width"], entry["entries"]
    num_classes = int(homes.max()) + 1
    if entries is None:
        centres = SIGNAL * generator.random((num_classes, width))
        return centres[homes] + generator.random((len(homes), width)) - 0.5
    pairs = _pairs(homes, np.arange(width) % num_classes, entries * len(homes) // own, generator)
    # No two are equal, and no row has a sum of its own to be divided by.
    values = 0.5 + generator.random(len(pairs))
    return sp.csr_matrix((values, (pairs[:, 0], pairs[:, 1])), shape=(len(homes), width))


def _split(labels: Ids, sizes: list[int], num_classes: int) -> NodeSplit:
    """Returns parts of at least those sizes that there are nodes for, every class in each."""
    known = np.flatnonzero(labels >= 0)
    # The first of every class, then the second of every class, and so on.
    ordered: NDArray[np.int64] = known[np.argsort(labels[known], kind="stable")]
    counts = np.bincount(labels[ordered], minlength=num_classes)
    turn = np.arange(len(ordered)) - np.repeat(np.cumsum(counts) - counts, counts)
    ordered = ordered[np.argsort(turn, kind="stable")]
    ends = np.cumsum([0, *(max(size, num_classes) for size in sizes)])
    train, val, test = (ordered[begin:end] for begin, end in pairwise(ends))
    return NodeSplit(train, val, test)
