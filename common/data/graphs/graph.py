"""The graph that every reader returns: PyTorch Geometric's ``HeteroData`` with what a run needs.

``graph[type]``: ``num_nodes``, and ``x``: (nodes, features), dense or CSR; a type without ``x``
has identity features. ``graph[type, relation, type].edge_index``: (2, edges), read without
direction. On the target type ``y``: (nodes,), -1 where unknown, and for each split, named by
labelled nodes a class, the node numbers ``train_idx_20``, ``val_idx_20`` and ``test_idx_20``: an
order and repeated nodes, which published lists have, would be lost in masks. On the graph itself
``target``, ``metapaths`` (default ones) and ``notes`` (what the reader decided and a user should
read).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from common.data.graphs.metapath_graphs import Matrix, count_neighbours, halves
from common.data.graphs.operators import csr_tensor
from common.data.graphs.splits import Ids, NodeSplit, check_parts
from common.errors import DataError

Links = dict[tuple[str, str], Matrix]
# By source and end, with or without a relation between them.
Edges = dict[tuple[str, ...], Tensor]


def make_graph(
    target: str,
    num_nodes: Mapping[str, int],
    edges: Edges,
    features: Mapping[str, Any],
    labels: Ids,
    splits: Mapping[int, NodeSplit],
    metapaths: Sequence[str],
    notes: Sequence[str] = (),
) -> HeteroData:
    """Returns the graph of these parts.

    Args:
        target: The type that is embedded.
        num_nodes: By type.
        edges: (2, edges) each.
        features: By type: CSR matrices or dense arrays, a row a node.
        labels: Labels of the target nodes, -1 where unknown.
        splits: By labelled nodes a class.
        metapaths: Default ones; none: `two_step_paths`.
        notes: What a user should read.

    Raises:
        DataError: No meta-paths are given, and no type is linked with the target.
    """
    graph = HeteroData()
    for name, count in num_nodes.items():
        graph[name].num_nodes = count
        if name in features:
            graph[name].x = _to_tensor(features[name])
    for ends, edge_index in edges.items():
        graph[ends].edge_index = edge_index
    graph[target].y = torch.from_numpy(labels)
    for number, split in splits.items():
        for part, ids in split._asdict().items():
            graph[target][f"{part}_idx_{number}"] = torch.from_numpy(ids)
    graph.target, graph.notes = target, list(notes)
    graph.metapaths = list(metapaths) or two_step_paths(graph)
    return graph


def _to_tensor(features: Any) -> Tensor:
    if not sp.issparse(features):
        return torch.from_numpy(features)
    parts = (features.indptr, features.indices, features.data)
    indptr, indices, data = map(torch.from_numpy, parts)
    # Rows keep their order, which masks are drawn in.
    return csr_tensor(indptr, indices, data, features.shape)


def node_counts(graph: HeteroData) -> dict[str, int]:
    """Returns the number of nodes by type; the target comes first, and a module counts so."""
    names = [graph.target, *(name for name in graph.node_types if name != graph.target)]
    return {name: int(graph[name].num_nodes) for name in names}


def get_features(graph: HeteroData, node_type: str) -> Any:
    """Returns the features of a type: a CSR matrix or a dense array; None: the identity."""
    x = graph[node_type].get("x")
    if x is None or x.layout == torch.strided:
        return None if x is None else x.numpy()
    parts = (x.values().numpy(), x.col_indices().numpy(), x.crow_indices().numpy())
    return sp.csr_matrix(parts, shape=tuple(x.shape))


def dense_features(graph: HeteroData, node_type: str) -> NDArray[np.float32]:
    """Returns the features of a type as a dense array."""
    features = get_features(graph, node_type)
    if features is None:
        return np.eye(graph[node_type].num_nodes, dtype=np.float32)
    dense = features.toarray() if sp.issparse(features) else features
    return np.asarray(dense, dtype=np.float32)


def get_labels(graph: HeteroData) -> Ids:
    """Returns the class of each target node, -1 where it is unknown."""
    labels: Ids = graph[graph.target].y.numpy()
    return labels


def count_classes(graph: HeteroData) -> int:
    """Returns the number of classes."""
    return int(graph[graph.target].y.max()) + 1


def get_splits(graph: HeteroData) -> dict[int, NodeSplit]:
    """Returns the splits by labelled nodes a class."""
    store, first = graph[graph.target], "train_idx_"
    numbers = [int(key.removeprefix(first)) for key in store if key.startswith(first)]
    return {
        number: NodeSplit(*(store[f"{part}_idx_{number}"].numpy() for part in NodeSplit._fields))
        for number in numbers
    }


def join_links(graph: HeteroData) -> Links:
    """Returns the 0/1 incidences by (source type, end type), without direction.

    All relations between two types are one, named after the first; repeated edges count once.
    Within one type each edge counts in both directions, as paths between two types do.
    """
    links: Links = {}
    for source, relation, end in graph.edge_types:
        pairs, ends = graph[source, relation, end].edge_index.numpy(), (source, end)
        if ends[::-1] in links:
            ends, pairs = ends[::-1], pairs[::-1]
        # float32 counts paths exactly up to 2^24 and halves the largest products.
        ones = np.ones(pairs.shape[1], dtype=np.float32)
        shape = (graph[ends[0]].num_nodes, graph[ends[1]].num_nodes)
        found = sp.csr_matrix((ones, (pairs[0], pairs[1])), shape=shape)
        if source == end:
            found = found + found.T
        joined = sp.csr_matrix(found + links[ends] if ends in links else found)
        joined.data[:] = 1
        links[ends] = joined
    return links


def two_step_paths(graph: HeteroData) -> list[str]:
    """Returns the meta-paths from the target over one other node back to it, a type each.

    Raises:
        DataError: No type is linked with the target.
    """
    target, found = graph.target, []
    for source, _, end in graph.edge_types:
        path = f"{target}-{end if source == target else source}-{target}"
        if target in (source, end) and path not in found:
            found.append(path)
    if not found:
        raise DataError(f"data.metapaths: no edges begin or end at {target}; no meta-path does")
    return found


def split_metapath(graph: HeteroData, metapath: str) -> list[str]:
    """Splits ``paper-author-paper``; it must lead from the target type back to it.

    Raises:
        DataError: Unknown type, a path that does not start and end at the target, or one that
            is another path backwards: PathSim is defined for symmetric ones (Sun et al. 2011).
    """
    types, target = metapath.split("-"), graph.target
    for name in types:
        if name not in graph.node_types:
            known = ", ".join(node_counts(graph))
            raise DataError(f"meta-path {metapath}: unknown node type {name!r}; types: {known}")
    if len(types) < 3 or types[0] != target or types[-1] != target:
        raise DataError(
            f"meta-path {metapath} must lead from {target} over another type back to {target}"
        )
    if types != types[::-1]:
        half = types[: len(types) // 2 + 1]
        raise DataError(
            f"meta-path {metapath} is another one backwards; PathSim needs one that goes back "
            f"as it came, such as {'-'.join(half + half[-2::-1])}"
        )
    return types


def count_alone(graph: HeteroData, metapaths: list[str]) -> list[int]:
    """Returns, for each meta-path, how many target nodes have no other target as a neighbour."""
    links, found = join_links(graph), []
    for path in metapaths:
        _, others = count_neighbours(*halves(links, split_metapath(graph, path)))
        found.append(int((others == 0).sum()))
    return found


def make_edges(
    pairs: NDArray[Any], ends: tuple[str, str], num_nodes: Mapping[str, int], where: str
) -> Tensor:
    """Returns the ``edge_index``: (2, edges) of ``pairs``: (edges, 2).

    Raises:
        DataError: A pair names a node that does not exist; names ``where`` and the row.
    """
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    for column, node_type in enumerate(ends):
        ids, count = pairs[:, column], num_nodes[node_type]
        wrong = np.flatnonzero((ids < 0) | (ids >= count))
        if len(wrong):
            raise DataError(
                f"{where}: row {wrong[0] + 1} names {node_type} {ids[wrong[0]]}, but there are "
                f"{count} (numbered from 0)"
            )
    return torch.from_numpy(pairs).T


def normalise_rows(features: Matrix) -> Matrix:
    """Returns ``features`` with rows that sum to 1; an empty row stays empty."""
    sums = np.asarray(features.sum(1), dtype=np.float64).ravel()
    inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums != 0)
    return sp.csr_matrix(sp.diags(inverse) @ features).astype(np.float32)


def check_splits(graph: HeteroData, where: str) -> None:
    """`check_parts` of every split of a graph, whose parts are called ``train_20`` and so on."""
    for number, split in get_splits(graph).items():
        parts = {f"{name}_{number}": ids for name, ids in split._asdict().items()}
        check_parts(parts, get_labels(graph), range(count_classes(graph)), f"{where}: ")


def graph_fingerprint(graph: HeteroData, metapaths: list[str]) -> str:
    """Returns 16 hex digits over a graph's links, features, labels, splits and meta-paths."""
    features = {name: get_features(graph, name) for name in graph.node_types if "x" in graph[name]}
    splits, digest = list(get_splits(graph).items()), hashlib.sha256()
    _digest([join_links(graph), features, get_labels(graph), splits, metapaths], digest)
    return digest.hexdigest()[:16]


def _digest(part: Any, digest: Any) -> None:
    """Adds arrays, sparse matrices, text, or a container of them to ``digest``."""
    if isinstance(part, dict):
        _digest([item for pair in part.items() for item in pair], digest)
    elif isinstance(part, list | tuple):
        for item in part:
            _digest(item, digest)
    elif sp.issparse(part):
        csr = sp.csr_matrix(part)
        csr.sort_indices()
        _digest([csr.shape, csr.indptr, csr.indices, csr.data], digest)
    elif isinstance(part, np.ndarray):
        kind = np.float32 if part.dtype.kind == "f" else np.int64
        digest.update(np.ascontiguousarray(part.astype(kind)).tobytes())
    else:
        digest.update(repr(part).encode())
