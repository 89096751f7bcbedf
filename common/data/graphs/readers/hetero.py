"""PyTorch Geometric's ``HeteroData``: an object, or a file that loads without running code.

A file is what ``torch.save(data.to_dict(), "graph.pt")`` writes. Edges are read without direction;
all relations between the same two types are joined.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import (
    HeteroGraph,
    Ids,
    Links,
    NodeSplit,
    check_parts,
)
from common.data.graphs.readers.folder import SPLIT_SEED, split_labels
from common.data.graphs.readers.undirected import add_links
from common.errors import ConfigError, DataError

MASKS = ("train_mask", "val_mask", "test_mask")
# One in so many training nodes validates where there is no val_mask, as in HGB's own scripts.
VALIDATION_PART = 5


class Parts(NamedTuple):
    """``stores``: attributes by node type. The rest is as in `HeteroGraph`."""

    stores: dict[str, Mapping[str, Any]]
    num_nodes: dict[str, int]
    links: Links
    features: dict[str, Any]


def read_hetero_data(config: GraphConfig, seed: int) -> HeteroGraph:
    """Reads ``data.path``, a saved ``data.to_dict()``.

    Raises:
        ConfigError: ``data.path``, ``data.metapaths`` or ``data.target`` is missing or wrong.
        DataError: The file is no saved dict of a HeteroData, or holds a broken one.
    """
    if not config.path:
        raise ConfigError("data.path: name the file of your HeteroData, such as data.path=graph.pt")
    path = Path(config.path).expanduser()
    return from_hetero_data(load_dict(path), config, str(path))


def load_dict(path: Path) -> Any:
    """Loads a saved dict; nothing in the file is executed. Raises `DataError`."""
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception:  # of many types; torch's advice would run what the file holds
        raise DataError(
            f"{path} does not load as a dict of tensors; write torch.save(data.to_dict(), PATH)"
        ) from None


def from_hetero_data(data: Any, config: GraphConfig, where: str = "HeteroData") -> HeteroGraph:
    """Returns the graph of a ``HeteroData`` or of its ``to_dict()``.

    The target is the type with labels ``y`` (with ``y_index``, of these nodes only), or
    ``data.target``. Its ``train_mask``, ``val_mask`` and ``test_mask`` are the one split; without
    ``val_mask``, as in PyTorch Geometric's ``HGBDataset``, a fifth of the training nodes of each
    class validates. Else splits are drawn as of a folder. `HeteroGraph.notes` says which.

    Args:
        data: The graph.
        config: For ``target``, ``metapaths`` and ``labels_per_class``.
        where: Names the graph in errors.

    Raises:
        ConfigError: No meta-paths, or the target is not plain.
        DataError: Something that is no table of node numbers, features or labels.
    """
    stores, num_nodes, links, features = read_parts(data, where)
    target = _find_target(stores, config, where)
    num_nodes = {target: num_nodes[target]} | num_nodes
    if not config.metapaths:
        raise ConfigError(f"data.metapaths: name at least one, from {target} back to {target}")
    own = f"{where}: {target}"
    labels, classes = _read_labels(stores[target], num_nodes[target], f"{own}.y")
    splits, notes = _read_masks(stores[target], labels, classes, own)
    splits = splits or split_labels(labels, config.labels_per_class, classes, f"{own}.y")
    paths = tuple(config.metapaths)
    return HeteroGraph(target, num_nodes, links, features, labels, splits, paths, notes)


def read_parts(data: Any, where: str) -> Parts:
    """Reads nodes, links and features; no labels are needed. Raises `DataError`."""
    found = data
    if not isinstance(data, Mapping):
        from torch_geometric.data import HeteroData  # here alone: its import takes a second

        found = data.to_dict() if isinstance(data, HeteroData) else data
    if not isinstance(found, Mapping) or not all(isinstance(v, Mapping) for v in found.values()):
        raise DataError(f"{where}: neither a HeteroData nor its to_dict()")
    stores = {key: v for key, v in found.items() if isinstance(key, str) and key != "_global_store"}
    for name in stores:
        if "-" in name:
            raise DataError(f"{where}: node type {name!r}: '-' stands between types in a meta-path")
    num_nodes = {name: _count(name, store, where) for name, store in stores.items()}
    links = _read_links(found, num_nodes, where)
    features = {
        name: _read_features(store["x"], num_nodes[name], f"{where}: {name}.x")
        for name, store in stores.items()
        if store.get("x") is not None
    }
    return Parts(stores, num_nodes, links, features)


def _count(name: str, store: Mapping[str, Any], where: str) -> int:
    if store.get("num_nodes") is not None:
        return int(store["num_nodes"])
    for key in ("x", "y"):
        if isinstance(store.get(key), Tensor) and "y_index" not in store:
            return len(store[key])
    raise DataError(f"{where}: {name} has no features x; set data[{name!r}].num_nodes")


def _read_links(found: Mapping[Any, Any], num_nodes: dict[str, int], where: str) -> Links:
    links: Links = {}
    for key, store in found.items():
        if isinstance(key, str):
            continue
        source, end, name = key[0], key[-1], f"{where}: {'-'.join(key)}"
        for node_type in (source, end):
            if node_type not in num_nodes:
                raise DataError(f"{name}: {node_type!r} is no node type of the graph")
        edges = store.get("edge_index")
        if not isinstance(edges, Tensor) or edges.ndim != 2 or len(edges) != 2:
            raise DataError(f"{name}: needs edge_index (2, edges)")
        if edges.is_floating_point():
            raise DataError(f"{name}: edge_index holds {edges.dtype}; needed are whole numbers")
        add_links(links, edges.T.numpy(), (source, end), num_nodes, name)
    if not links:
        raise DataError(f"{where}: holds no edges")
    return links


def _read_features(x: Any, count: int, where: str) -> Any:
    if not isinstance(x, Tensor) or x.ndim != 2 or len(x) != count:
        raise DataError(f"{where}: {_form(x)}; needed is a tensor ({count}, features)")
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


def _find_target(stores: dict[str, Mapping[str, Any]], config: GraphConfig, where: str) -> str:
    labelled = [name for name, store in stores.items() if store.get("y") is not None]
    names = ", ".join(labelled) or "no type"
    if config.target is not None and config.target not in labelled:
        raise ConfigError(f"data.target={config.target}: {where} has labels y on {names}")
    if config.target is None and len(labelled) != 1:
        raise ConfigError(f"data.target: name the type to embed; {where} has labels y on {names}")
    return config.target or labelled[0]


def _read_labels(store: Mapping[str, Any], count: int, where: str) -> tuple[Ids, list[int]]:
    """Returns classes numbered from 0, -1 where unknown, and the numbers that they had."""
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
    known = labels >= 0
    classes, numbers = np.unique(labels[known], return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"{where}: holds {len(classes)} class; at least 2 are needed")
    labels[known], labels[~known] = numbers, -1
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
