"""A user's own heterogeneous graph: a folder of small CSV files.

``nodes.csv`` (``type,count``; the first row is the target type), ``<type>-<type>.csv`` (two
columns of node numbers from 0), ``features-<type>.csv`` (one row a node, optional),
``labels.csv`` (``node,class`` of target nodes). First lines that are not numbers are headers.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import HeteroGraph, Ids, NodeSplit, draw_splits, make_links
from common.errors import ConfigError, DataError

SPLIT_SEED = 0
MOST_VAL, MOST_TEST = 1000, 1000


def read_folder(config: GraphConfig, seed: int) -> HeteroGraph:
    """Reads the folder ``data.path``; splits are drawn with ``data.labels_per_class``.

    Raises:
        ConfigError: ``data.path`` or ``data.metapaths`` is missing.
        DataError: A file is missing or wrong; names file and line.
    """
    if not config.path:
        raise ConfigError("data.path: name the folder of your graph, for example data.path=graph")
    if not config.metapaths:
        raise ConfigError("data.metapaths: give them, for example [paper-author-paper]")
    folder = Path(config.path).expanduser()
    num_nodes, links, features = read_parts(folder)
    target = next(iter(num_nodes))
    labels = _read_labels(folder / "labels.csv", num_nodes[target])
    splits = split_labels(labels, config.labels_per_class)
    return HeteroGraph(target, num_nodes, links, features, labels, splits, tuple(config.metapaths))


def split_labels(labels: Ids, per_class: list[int]) -> dict[int, NodeSplit]:
    """Draws training nodes a class; of the others up to 1,000 validate and up to 1,000 test.

    Raises:
        DataError: A class has too few labelled nodes; names the setting.
    """
    rest = int((labels >= 0).sum()) - max(per_class) * (int(labels.max()) + 1)
    num_val = min(MOST_VAL, max(rest // 2, 1))
    return draw_splits(labels, tuple(per_class), num_val, MOST_TEST, SPLIT_SEED)


def read_parts(
    folder: Path,
) -> tuple[dict[str, int], dict[tuple[str, str], Any], dict[str, NDArray[np.float32]]]:
    """Reads number of nodes by type, links and features; no labels are needed.

    Raises:
        DataError: A file is missing or wrong; names file and line.
    """
    num_nodes = _read_nodes(folder / "nodes.csv")
    features = {
        name: _read_features(folder / f"features-{name}.csv", count)
        for name, count in num_nodes.items()
        if (folder / f"features-{name}.csv").is_file()
    }
    return num_nodes, _read_links(folder, num_nodes), features


def _read_nodes(path: Path) -> dict[str, int]:
    found = {}
    for line, row in _rows(path, 2):
        if not row[1].strip().isdigit():
            raise DataError(f"{path}, line {line}: {row[1]!r} is no number of nodes")
        found[row[0].strip()] = int(row[1])
    if not found:
        raise DataError(f"{path}: lists no node type")
    return found


def _read_links(folder: Path, num_nodes: dict[str, int]) -> dict[tuple[str, str], Any]:
    links = {}
    for path in sorted(folder.glob("*-*.csv")):
        source, _, end = path.stem.partition("-")
        if source == "features":
            continue
        for name in (source, end):
            if name not in num_nodes:
                raise DataError(f"{path}: {name!r} is no node type of nodes.csv")
        pairs = _numbers(path, 2)
        links[source, end] = make_links(pairs, (source, end), num_nodes, str(path))
    if not links:
        raise DataError(f"{folder}: no links, name them like paper-author.csv")
    return links


def _read_features(path: Path, count: int) -> NDArray[np.float32]:
    try:
        values = np.loadtxt(path, delimiter=",", dtype=np.float32, ndmin=2, comments="#")
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    if len(values) != count:
        raise DataError(f"{path}: {len(values)} rows for {count} nodes")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: row {int(np.argwhere(~np.isfinite(values))[0][0]) + 1}: NaN")
    return values


def _read_labels(path: Path, count: int) -> Ids:
    labels = np.full(count, -1, dtype=np.int64)
    names: dict[str, int] = {}
    for line, row in _rows(path, 2):
        node = row[0].strip()
        if not node.isdigit() or int(node) >= count:
            raise DataError(f"{path}, line {line}: there is no target node {node!r}")
        labels[int(node)] = names.setdefault(row[1].strip(), len(names))
    if len(names) < 2:
        raise DataError(f"{path}: holds {len(names)} class; at least 2 are needed")
    return labels


def _numbers(path: Path, columns: int) -> NDArray[np.int64]:
    pairs = []
    for line, row in _rows(path, columns):
        try:
            pairs.append([int(item) for item in row])
        except ValueError:
            raise DataError(
                f"{path}, line {line}: {','.join(row)!r} is no pair of numbers"
            ) from None
    return np.array(pairs, dtype=np.int64).reshape(-1, columns)


def _rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            is_header = line == 1 and not any(item.strip().isdigit() for item in row)
            if not row or is_header:
                continue
            if len(row) != columns:
                raise DataError(f"{path}, line {line}: {len(row)} columns, {columns} are needed")
            yield line, row
