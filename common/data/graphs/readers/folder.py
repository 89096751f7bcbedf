"""A user's own heterogeneous graph: a folder of small CSV files.

``nodes.csv`` (``type,count``; the first row is the target type), ``<type>-<type>.csv`` (two
columns of node numbers from 0), ``features-<type>.csv`` (one row a node, in order or with its
number in a first column ``node`` or ``id``; optional), ``labels.csv`` (``node,class`` of target
nodes, optional; a negative class is unknown). First lines without a number are headers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import Edges, make_edges, make_graph
from common.data.graphs.splits import Ids, NodeSplit, draw_splits
from common.errors import ConfigError, DataError, shown
from common.own_data.csv_files import called
from common.own_data.csv_lines import is_unknown, table_rows, to_count

SPLIT_SEED = 0
MOST_VAL, MOST_TEST = 1000, 1000
NODE_NAMES = ("node", "nodeid", "id")  # of the column of their numbers
MOST_ONE_HOT = 2**26  # 17 GB of weights at width 64


def read_folder(config: GraphConfig, seed: int) -> HeteroData:
    """Reads the folder ``data.path``; splits are drawn with ``data.labels_per_class``.

    Raises:
        ConfigError: ``data.path`` is missing.
        DataError: A file is missing or wrong; names file and line.
    """
    if not config.path:
        raise ConfigError("data.path: name the folder of your graph, for example data.path=graph")
    folder = Path(config.path).expanduser()
    if not folder.is_dir():
        raise DataError(f"data.path: there is no folder {folder}")
    num_nodes, edges, features = read_parts(folder)
    target, path = next(iter(num_nodes)), folder / "labels.csv"
    labels = np.full(num_nodes[target], -1, dtype=np.int64)
    splits: dict[int, NodeSplit] = {}
    if path.exists():
        labels, classes = read_labels(path, num_nodes[target])
        if len(classes) < 2:
            raise DataError(f"{path}: holds {len(classes)} class; at least 2 are needed")
        splits = split_labels(labels, config.labels_per_class, classes, str(path))
    return make_graph(target, num_nodes, edges, features, labels, splits, config.metapaths)


def split_labels(
    labels: Ids, per_class: list[int], classes: Sequence[Any], where: str
) -> dict[int, NodeSplit]:
    """Draws training nodes a class; of the others up to 1,000 validate and up to 1,000 test.

    ``classes`` are the user's own names of classes 0, 1, ..., ``where`` is what holds the labels,
    for errors.

    Raises:
        DataError: A class has too few labelled nodes; names it, ``where`` and the setting.
    """
    rest = int((labels >= 0).sum()) - max(per_class) * (int(labels.max()) + 1)
    num_val = min(MOST_VAL, max(rest // 2, 1))
    return draw_splits(labels, tuple(per_class), num_val, MOST_TEST, SPLIT_SEED, where, classes)


def read_parts(
    folder: Path,
) -> tuple[dict[str, int], Edges, dict[str, NDArray[np.float32]]]:
    """Reads number of nodes by type, edges and features; no labels are needed.

    Raises:
        DataError: A file is missing or wrong; names file and line.
    """
    num_nodes = _read_nodes(folder / "nodes.csv")
    features = {
        name: _read_features(folder / f"features-{name}.csv", count)
        for name, count in num_nodes.items()
        if (folder / f"features-{name}.csv").is_file()
    }
    check_one_hot(num_nodes, features, str(folder / "nodes.csv"))
    return num_nodes, _read_edges(folder, num_nodes), features


def check_one_hot(num_nodes: Mapping[str, int], features: Mapping[str, Any], where: str) -> None:
    """Raises `DataError` for a type without features that has more nodes than can have weights."""
    for name, count in num_nodes.items():
        if count > MOST_ONE_HOT and name not in features:
            raise DataError(
                f"{where}: {name} has {count:,} nodes without features, which cost a weight vector "
                f"each; give the type features, or mend the number ({MOST_ONE_HOT:,} at most)"
            )


def _read_nodes(path: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for line, row in _rows(path, ("type", "count")):
        name, count = row[0], to_count(row[1])
        if not count:
            raise DataError(
                f"{path}, line {line}: {shown(row[1])} is no number of nodes, from 1 on"
            )
        if name in found:
            raise DataError(f"{path}, line {line}: {name} has a line already")
        found[name] = count
    if not found:
        raise DataError(f"{path}: lists no node type")
    return found


def _read_edges(folder: Path, num_nodes: dict[str, int]) -> Edges:
    edges: Edges = {}
    for path in sorted(folder.glob("*-*.csv")):
        source, _, end = path.stem.partition("-")
        if source == "features":
            continue
        for name in (source, end):
            if name not in num_nodes:
                raise DataError(f"{path}: {name!r} is no node type of nodes.csv")
        ends = (source, end)
        edges[ends] = make_edges(_read_pairs(path, ends), ends, num_nodes, str(path))
    if not edges:
        raise DataError(f"{folder}: no links, name them like paper-author.csv")
    return edges


def _read_features(path: Path, count: int) -> NDArray[np.float32]:
    rows = list(table_rows(path))
    if rows and _numbers_in(rows[0][1]) is None:
        _, header = rows.pop(0)
        if called(header[:1], NODE_NAMES):
            rows = _in_order(path, rows, count)
    found = [(line, _numbers_in(row)) for line, row in rows]
    width = len(found[0][1] or ()) if found else 0
    for line, numbers in found:
        if numbers is None or len(numbers) != width:
            raise DataError(f"{path}, line {line}: {width} numbers are needed, as in the first row")
    if len(found) != count:
        raise DataError(f"{path}: {len(found)} rows of numbers, for {count} nodes")
    values = np.array([numbers for _, numbers in found], dtype=np.float32)
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0]) + 1
        raise DataError(f"{path}: row {row} of the numbers holds NaN or infinity")
    return values


def _in_order(
    path: Path, rows: list[tuple[int, list[str]]], count: int
) -> list[tuple[int, list[str]]]:
    """Returns the rows in the order of their first cells, the nodes' numbers, without these."""
    placed: dict[int, tuple[int, list[str]]] = {}
    for line, (cell, *others) in rows:
        node = to_count(cell)
        if node is None or node >= count:
            raise DataError(f"{path}, line {line}: there is no node {shown(cell)}")
        if node in placed:
            raise DataError(f"{path}, line {line}: node {node} has a line already")
        placed[node] = line, others
    return [placed[node] for node in sorted(placed)]


def _numbers_in(row: list[str]) -> list[float] | None:
    try:
        return [float(item) for item in row]
    except ValueError:
        return None


def read_labels(path: Path, count: int) -> tuple[Ids, list[str]]:
    """Returns the class of each node, -1 where none is given, and the names of the classes.

    Raises:
        DataError: A node that does not exist or has two classes; names file and line.
    """
    labels = np.full(count, -1, dtype=np.int64)
    names: dict[str, int] = {}
    for line, row in _rows(path, ("node", "class")):
        node = to_count(row[0])
        if node is None or node >= count:
            raise DataError(f"{path}, line {line}: there is no target node {shown(row[0])}")
        if is_unknown(row[1]):
            continue
        label = names.setdefault(row[1], len(names))
        if labels[node] not in (-1, label):
            raise DataError(f"{path}, line {line}: node {node} has another class already")
        labels[node] = label
    return labels, list(names)


def _read_pairs(path: Path, ends: tuple[str, str]) -> NDArray[np.int64]:
    pairs = []
    for line, row in _rows(path, ends):
        pair = [to_count(item) for item in row]
        if None in pair:
            raise DataError(f"{path}, line {line}: {shown(row)} is no pair of numbers from 0")
        pairs.append(pair)
    if not pairs:
        raise DataError(f"{path}: holds no links; fill it or take it away")
    return np.array(pairs, dtype=np.int64)


def _rows(path: Path, columns: tuple[str, str]) -> Iterator[tuple[int, list[str]]]:
    """Yields (line, cells) below a header; a header in another order is refused, as links have one.

    Raises:
        DataError: Missing, no text, or a line that has not the two ``columns``.
    """
    wanted = ",".join(columns)
    for line, row in table_rows(path):
        if len(row) != len(columns):
            raise DataError(f"{path}, line {line}: {len(row)} columns; needed are {wanted}")
        # No name of a column begins like a number, while "6o" is a slip of the pen.
        if line == 1 and not any(re.match(r"-?\d", item) for item in row):
            names = tuple(row)
            if names != columns and names == columns[::-1]:
                raise DataError(f"{path}, line 1: columns {','.join(names)}; needed are {wanted}")
            continue
        yield line, row
