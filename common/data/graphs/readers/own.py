"""A user's own graph, to be embedded by a run on a graph of the same form."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from common.data.catalogue.packers.arrays import BROKEN, read_arrays
from common.data.graphs.graph import (
    get_features,
    join_links,
    make_graph,
    node_counts,
    split_metapath,
)
from common.data.graphs.readers import folder, hetero, packed
from common.errors import DataError


def read_own(
    path: Path, known: HeteroData, metapaths: list[str]
) -> tuple[HeteroData, dict[str, NDArray[Any]]]:
    """Reads a graph with the node types and feature widths of ``known``; labels are not needed.

    Args:
        path: A folder of CSV files, a saved HeteroData, or an npz in the layout of the
            packed graph of these types.
        known: The run's graph.
        metapaths: The run's; each of their steps needs links.

    Returns:
        The graph, its types in the run's order, its labels all -1; and what is known of the target
        nodes: ``ids``, their numbers, and ``labels`` by the names of the classes where the graph
        has them. A node without a class has the empty name, or a negative number.

    Raises:
        DataError: A broken file, or a graph of another form; names the file.
    """
    path, classes = path.expanduser(), None
    if path.is_dir():
        num_nodes, edges, features = folder.read_parts(path)
        if (path / "labels.csv").is_file() and known.target in num_nodes:
            numbers, names = folder.read_labels(path / "labels.csv", num_nodes[known.target])
            classes = np.array([*names, ""])[numbers]
    elif path.is_file() and path.suffix == ".pt":
        graph = hetero.load_graph(path)
        num_nodes, edges, features = hetero.hetero_parts(graph, str(path))
        if known.target in num_nodes:  # types have no order there
            num_nodes = {known.target: num_nodes[known.target]} | num_nodes
            if graph[known.target].get("y") is not None:
                count, where = num_nodes[known.target], f"{path}: {known.target}.y"
                classes = hetero.read_classes(graph[known.target], count, where)
    elif path.is_file() and path.suffix == ".npz":
        num_nodes, edges, features = _read_packed(path, known)
    else:
        raise DataError(
            f"{path}: give a folder with nodes.csv, a .pt of a HeteroData, or an .npz of the "
            "packed layout"
        )
    _check_types(path, num_nodes, known)
    # The module knows types by their place.
    num_nodes = {name: num_nodes[name] for name in node_counts(known)}
    labels = np.full(num_nodes[known.target], -1, dtype=np.int64)
    own = make_graph(known.target, num_nodes, edges, features, labels, {}, metapaths)
    _check_features(path, own, known)
    _check_links(path, own, metapaths)
    ids = np.arange(num_nodes[known.target])
    return own, {"ids": ids} if classes is None else {"ids": ids, "labels": classes}


def _read_packed(path: Path, known: HeteroData) -> tuple[dict[str, int], Any, Any]:
    layout, arrays = _find_layout(path, known), read_arrays(path)
    try:
        num_nodes = {}
        for letter, (name, _) in layout.types.items():
            num_nodes[name] = known[name].num_nodes
            if letter in layout.features:
                dense = letter in layout.dense
                shape = arrays[f"{letter}_feat"].shape if dense else arrays[f"{letter}_feat_shape"]
                num_nodes[name] = int(shape[0])
        return num_nodes, *packed.packed_parts(arrays, layout, num_nodes, path)
    except (*BROKEN, IndexError) as error:
        reason = f"no array {error}" if isinstance(error, KeyError) else error
        raise DataError(
            f"{path}: not a packed graph of {', '.join(node_counts(known))} ({reason}); the arrays "
            "are those of hin/*.npz in the data root"
        ) from None


def _find_layout(path: Path, known: HeteroData) -> packed.Layout:
    for layout in packed.LAYOUTS.values():
        names = [name for name, _ in layout.types.values()]
        if set(names) == set(known.node_types) and names[0] == known.target:
            return layout
    raise DataError(
        f"{path}: no packed layout has the run's node types ({', '.join(node_counts(known))}); "
        "give a folder of CSV files"
    )


def _check_types(path: Path, num_nodes: dict[str, int], known: HeteroData) -> None:
    types = node_counts(known)
    if set(num_nodes) != set(types):
        raise DataError(
            f"{path}: node types {', '.join(num_nodes)}; the run knows {', '.join(types)}"
        )
    target = next(iter(num_nodes))
    if target != known.target:
        raise DataError(
            f"{path}: the target type is {target}, the run's is {known.target}; name it first"
        )
    if num_nodes[target] < 1:
        raise DataError(f"{path}: has no {target}; at least one is needed")


def _check_features(path: Path, own: HeteroData, known: HeteroData) -> None:
    for name, count in node_counts(own).items():
        features, expected = get_features(own, name), get_features(known, name)
        width = known[name].num_nodes if expected is None else expected.shape[1]
        if features is None and expected is not None:
            raise DataError(f"{path}: no features of {name}; the run needs {width} a node")
        if features is None and count != width:
            raise DataError(
                f"{path}: {count} nodes of type {name}; the run tells them apart by number alone "
                f"and knows {width}: give just these"
            )
        if features is None:
            continue
        if features.shape != (count, width):
            raise DataError(
                f"{path}: features of {name} are {features.shape[0]} x {features.shape[1]}; "
                f"needed are {count} x {width}, a row a node and the run's width"
            )
        values = features.data if sp.issparse(features) else features
        if not np.isfinite(values).all():
            raise DataError(f"{path}: features of {name} hold NaN or infinity")


def _check_links(path: Path, own: HeteroData, metapaths: list[str]) -> None:
    links = join_links(own)
    for metapath in metapaths:
        for source, end in pairwise(split_metapath(own, metapath)):
            if not {(source, end), (end, source)} & set(links):
                raise DataError(
                    f"{path}: no links between {source} and {end}, which the run's meta-path "
                    f"{metapath} goes along (in a folder: {source}-{end}.csv)"
                )
