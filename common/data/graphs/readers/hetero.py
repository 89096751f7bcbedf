"""A user's ``HeteroData``: an object, or a file that loads without running code.

A file is what ``torch.save(data, "graph.pt")`` or ``torch.save(data.to_dict(), "graph.pt")``
writes, or the ``processed/data.pt`` below the root of one of PyTorch Geometric's own sets.
"""

from collections.abc import Mapping
from copy import copy
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import Edges, make_edges, make_graph
from common.data.graphs.readers.folder import SPLIT_SEED, check_one_hot, split_labels
from common.data.graphs.splits import Ids, NodeSplit, check_parts
from common.errors import ConfigError, DataError, shown
from common.own_data.csv_lines import MOST

MASKS = ("train_mask", "val_mask", "test_mask")
# One in so many training nodes validates where there is no val_mask, as in HGB's own scripts.
VALIDATION_PART = 5
# What a saved graph is made of: tensors and text in these, which run nothing when loaded.
SAVED = [HeteroData, BaseStorage, NodeStorage, EdgeStorage]
SAVED += [Data, GlobalStorage, DataEdgeAttr, DataTensorAttr]
# The one type of a graph that names none.
NODE = "node"


def read_hetero_data(config: GraphConfig, seed: int, data: Any = None) -> HeteroData:
    """Returns the graph of ``data``, or of the file ``data.path``.

    The target is ``data.target``, or the type with labels ``y`` (with ``y_index``, of these nodes
    only); without labels nothing is measured. Its ``train_mask``, ``val_mask`` and ``test_mask``
    are the one split; without ``val_mask``, as in PyTorch Geometric's ``HGBDataset``, a fifth of
    the training nodes of each class validates. Else splits are drawn as of a folder. The graph's
    ``notes`` say which.

    Args:
        config: For ``path``, ``target``, ``metapaths`` and ``labels_per_class``.
        seed: Not used: splits are the same for every run.
        data: A HeteroData; None: the one in the file.

    Raises:
        ConfigError: ``data.path`` is missing, or the target is not plain.
        DataError: No graph, or something in it that is no table of node numbers, features or
            labels.
    """
    where = "HeteroData"
    if data is None:
        if not config.path:
            raise ConfigError("data.path: name the file of your HeteroData, such as graph.pt")
        path = Path(config.path).expanduser()
        data, where = load_graph(path), str(path)
    data = with_types(data) if isinstance(data, Data) else data
    if not isinstance(data, HeteroData):
        raise DataError(f"{where}: holds {type(data).__name__}; needed is a HeteroData")
    data = copy(data).detach().cpu()  # the stores are copied, not the tensors
    num_nodes, edges, features = hetero_parts(data, where)
    target = _find_target(data, config, where)
    labels = np.full(num_nodes[target], -1, dtype=np.int64)
    splits: dict[int, NodeSplit] = {}
    notes: tuple[str, ...] = ()
    if "y" in data[target]:
        own = f"{where}: {target}"
        given = read_classes(data[target], num_nodes[target], f"{own}.y")
        labels, classes = _numbered(given, f"{own}.y")
        splits, notes = _read_masks(data[target], labels, classes, own)
        splits = splits or split_labels(labels, config.labels_per_class, classes, f"{own}.y")
    return make_graph(target, num_nodes, edges, features, labels, splits, config.metapaths, notes)


def load_graph(path: Path) -> HeteroData:
    """Loads a saved graph; nothing in the file is executed. Raises `DataError`."""
    if path.is_dir():  # the root of a set of PyTorch Geometric's
        path = path / "processed" / "data.pt"
    try:
        with torch.serialization.safe_globals(SAVED):
            found = torch.load(path, weights_only=True, map_location="cpu")
        if isinstance(found, tuple):  # the graph, slices and class of an InMemoryDataset
            found = found[0]
        if isinstance(found, Mapping):
            one_type = "edge_index" in found
            found = Data.from_dict(found) if one_type else HeteroData.from_dict(found)
        if isinstance(found, Data):
            found = with_types(found)
    except Exception:  # of many types; torch's advice would run what the file holds
        found = None
    if not isinstance(found, HeteroData):
        raise DataError(f"{path} does not load as a HeteroData; write torch.save(data, PATH)")
    return found


def with_types(data: Data) -> HeteroData:
    """Returns a graph of one type as one whose nodes and links are `NODE`'s."""
    found, stored = HeteroData(), data.to_dict()
    for key in ("x", "y", "num_nodes", *MASKS):
        if stored.get(key) is not None:
            found[NODE][key] = stored[key]
    found[NODE, "to", NODE].edge_index = stored.get("edge_index")
    return found


def hetero_parts(data: HeteroData, where: str) -> tuple[dict[str, int], Edges, dict[str, Any]]:
    """Reads number of nodes by type, edges and features; no labels are needed.

    Raises:
        DataError: Something in ``data`` that is none of them.
    """
    for name in data.node_types:
        if "-" in name:
            raise DataError(f"{where}: node type {name!r}: '-' stands between types in a meta-path")
    num_nodes = {name: _count(name, data[name], where) for name in data.node_types}
    features = {
        name: _read_features(data[name].x, num_nodes[name], f"{where}: {name}.x")
        for name in data.node_types
        if data[name].get("x") is not None
    }
    check_one_hot(num_nodes, features, where)
    return num_nodes, _read_edges(data, num_nodes, where), features


def _count(name: str, store: Mapping[str, Any], where: str) -> int:
    # Not the store's own num_nodes, which guesses from other attributes.
    if (number := store.get("num_nodes")) is not None:
        try:
            count = index(number)
        except TypeError:
            count = -1
        if not 0 <= count <= MOST:
            raise DataError(
                f"{where}: {name}.num_nodes is {shown(number)}; needed is a whole number to {MOST}"
            )
        return count
    for key in ("x", "y"):
        if isinstance(store.get(key), Tensor) and "y_index" not in store:
            return len(store[key])
    raise DataError(f"{where}: {name} has no features x; set data[{name!r}].num_nodes")


def _read_edges(data: HeteroData, num_nodes: dict[str, int], where: str) -> Edges:
    edges: Edges = {}
    for key in data.edge_types:
        source, _, end = key
        name = f"{where}: {'-'.join(key)}"
        for node_type in (source, end):
            if node_type not in num_nodes:
                raise DataError(f"{name}: {node_type!r} is no node type of the graph")
        found = data[key].get("edge_index")
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != 2:
            raise DataError(f"{name}: needs edge_index (2, edges)")
        if found.is_floating_point():
            raise DataError(f"{name}: edge_index holds {found.dtype}; needed are whole numbers")
        if not found.shape[1]:
            raise DataError(f"{name}: holds no links; fill edge_index or take it away")
        edges[key] = make_edges(found.T.numpy(), (source, end), num_nodes, name)
    if not edges:
        raise DataError(f"{where}: holds no edges")
    return edges


def _read_features(x: Any, count: int, where: str) -> Any:
    are_rows = isinstance(x, Tensor) and x.ndim == 2 and len(x) == count and x.shape[1] > 0
    if not are_rows or x.is_complex():
        raise DataError(f"{where}: {_form(x)}; needed are real numbers ({count}, features)")
    if x.layout == torch.strided:
        values = x.float().numpy()
        wrong = ~np.isfinite(values)
    else:
        entries = x.to_sparse_coo().coalesce()
        parts = entries.values().float().numpy(), tuple(entries.indices().numpy())
        values = sp.csr_matrix(parts, shape=tuple(x.shape))
        wrong = ~np.isfinite(values.data)
    if wrong.any():
        raise DataError(f"{where} holds NaN or infinity")
    return values


def _find_target(data: HeteroData, config: GraphConfig, where: str) -> str:
    if config.target in data.node_types:
        return str(config.target)
    if config.target is not None:
        known = ", ".join(data.node_types)
        raise ConfigError(f"data.target={config.target}: {where} has the node types {known}")
    labelled = [name for name in data.node_types if data[name].get("y") is not None]
    if len(labelled) != 1:
        names = ", ".join(labelled) or "no type"
        raise ConfigError(f"data.target: name the type to embed; {where} has labels y on {names}")
    return labelled[0]


def read_classes(store: Mapping[str, Any], count: int, where: str) -> Ids:
    """Returns the class of each node as its ``y`` has it, negative where unknown.

    Raises:
        DataError: ``y``, or ``y_index``, is of another form.
    """
    y, index = store["y"], store.get("y_index")
    if index is not None:
        _check_index(index, f"{where}_index")
    num = count if index is None else len(index)
    if not isinstance(y, Tensor) or y.shape != (num,) or y.is_floating_point():
        raise DataError(f"{where}: {_form(y)}; needed is one class number a node, ({num},)")
    if index is not None and num and not 0 <= int(index.min()) <= int(index.max()) < count:
        raise DataError(f"{where}_index names a node that does not exist; there are {count}")
    labels = np.full(count, -1, dtype=np.int64)
    labels[slice(None) if index is None else index.numpy()] = y.numpy()
    return labels


def _numbered(given: Ids, where: str) -> tuple[Ids, list[int]]:
    """Returns classes numbered from 0, -1 where unknown, and the numbers that they had."""
    known, labels = given >= 0, np.full_like(given, -1)
    classes, numbers = np.unique(given[known], return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"{where}: holds {len(classes)} class; at least 2 are needed")
    labels[known] = numbers
    return labels, classes.tolist()


def _check_index(index: Any, where: str) -> None:
    are_numbers = isinstance(index, Tensor) and index.ndim == 1 and index.dtype != torch.bool
    if not are_numbers or index.is_floating_point() or index.is_complex():
        raise DataError(f"{where}: {_form(index)}; needed are numbers of nodes, such as [3, 1]")


def _form(value: Any) -> str:
    """Returns what a message shows of a value: a tensor's shape and type, or the type."""
    is_tensor = isinstance(value, Tensor)
    return f"{tuple(value.shape)} of {value.dtype}" if is_tensor else type(value).__name__


def _read_masks(
    store: Mapping[str, Any], labels: Ids, classes: list[int], where: str
) -> tuple[dict[int, NodeSplit], tuple[str, ...]]:
    """Returns the split that the masks are, none where they are no split, and what to say of it."""
    masks = {name: store[name] for name in MASKS if store.get(name) is not None}
    chosen = {name: _read_mask(mask, labels, f"{where}.{name}") for name, mask in masks.items()}
    notes: tuple[str, ...] = ()
    if {"train_mask", "test_mask"} - set(chosen):
        if chosen:
            notes = (f"{' and '.join(chosen)} alone are no split: splits are drawn",)
        return {}, notes
    if "val_mask" not in chosen:
        train, val = _cut_validation(chosen["train_mask"], labels, classes, where)
        chosen |= {"train_mask": train, "val_mask": val}
        notes = (f"no val_mask: {len(val)} of {len(train) + len(val)} training nodes validate",)
    check_parts({name: chosen[name] for name in MASKS}, labels, classes, f"{where}.")
    # The metrics are named after the mean number of training labels a class.
    number = max(len(chosen["train_mask"]) // len(classes), 1)
    return {number: NodeSplit(*(chosen[name] for name in MASKS))}, notes


def _read_mask(mask: Any, labels: Ids, where: str) -> Ids:
    if not isinstance(mask, Tensor) or mask.shape != labels.shape:
        raise DataError(f"{where}: {_form(mask)}; needed is one truth value a node, {labels.shape}")
    chosen = np.flatnonzero(mask.bool().numpy() & (labels >= 0))
    if not len(chosen):
        raise DataError(f"{where} holds no node with a label")
    return chosen


def _cut_validation(train: Ids, labels: Ids, classes: list[int], where: str) -> tuple[Ids, Ids]:
    """Takes a fifth of the training nodes of each class, at least one, by a fixed draw."""
    order = np.random.default_rng(SPLIT_SEED).permutation(train)
    parts: list[tuple[Ids, Ids]] = []
    for label, name in enumerate(classes):
        members = order[labels[order] == label]
        if len(members) < 2:
            raise DataError(
                f"{where}.train_mask holds {len(members)} nodes of class {name}; without a "
                "val_mask it needs 2"
            )
        cut = max(len(members) // VALIDATION_PART, 1)
        parts.append((members[cut:], members[:cut]))
    kept, val = (np.sort(np.concatenate(part)) for part in zip(*parts, strict=True))
    return kept, val
