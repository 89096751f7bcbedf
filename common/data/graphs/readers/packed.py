"""Readers of the packed benchmark graphs, ``hin/<name>.npz`` in the data root."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from torch_geometric.data import HeteroData

from common.data.catalogue.packers.arrays import BROKEN
from common.data.catalogue.root import require
from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import Edges, make_edges, make_graph, normalise_rows
from common.data.graphs.splits import NodeSplit
from common.errors import DataError


@dataclass(frozen=True)
class Layout:
    """How a packed file is read: ``types`` by their letter in it, the target first."""

    types: dict[str, tuple[str, int]]
    links: tuple[str, ...]
    features: tuple[str, ...]
    # Letters whose features are used as they are instead of row-normalised.
    dense: tuple[str, ...]
    metapaths: tuple[str, ...]


ACM = Layout(
    types={"p": ("paper", 4019), "a": ("author", 7167), "s": ("subject", 60)},
    links=("pa", "ps"),
    features=("p", "a"),
    dense=(),
    metapaths=("paper-author-paper", "paper-subject-paper"),
)
DBLP = Layout(
    types={
        "a": ("author", 4057),
        "p": ("paper", 14328),
        "t": ("term", 7723),
        "c": ("conference", 20),
    },
    links=("pa", "pc", "pt"),
    features=("a", "p", "t"),
    dense=("t",),
    metapaths=(
        "author-paper-author",
        "author-paper-conference-paper-author",
        "author-paper-term-paper-author",
    ),
)
IMDB = Layout(
    types={
        "m": ("movie", 4275),
        "a": ("actor", 5432),
        "d": ("director", 2083),
        "k": ("keyword", 7313),
    },
    links=("ma", "md", "mk"),
    features=("m",),
    dense=(),
    metapaths=("movie-actor-movie", "movie-director-movie", "movie-keyword-movie"),
)
AMINER = Layout(
    types={"p": ("paper", 6564), "a": ("author", 13329), "r": ("reference", 35890)},
    links=("pa", "pr"),
    features=(),
    dense=(),
    metapaths=("paper-author-paper", "paper-reference-paper"),
)
FREEBASE = Layout(
    types={
        "m": ("movie", 3492),
        "a": ("actor", 33401),
        "d": ("director", 2502),
        "w": ("writer", 4459),
    },
    links=("ma", "md", "mw"),
    features=(),
    dense=(),
    metapaths=("movie-actor-movie", "movie-director-movie", "movie-writer-movie"),
)
LAYOUTS = {"acm": ACM, "aminer": AMINER, "dblp": DBLP, "freebase": FREEBASE, "imdb": IMDB}
RATIOS = (20, 40, 60)


def read_packed(config: GraphConfig, seed: int) -> HeteroData:
    """Reads the graph ``data.name``; nodes that its training lists repeat stay repeated.

    Raises:
        DataError: The file is missing or is no such graph.
    """
    name, layout = config.name, LAYOUTS[config.name]
    path = require(config.root, f"hin/{name}.npz")
    num_nodes = {full: count for full, count in layout.types.values()}
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        edges, features = packed_parts(arrays, layout, num_nodes, path)
        splits = {
            ratio: NodeSplit(
                *(arrays[f"{part}_{ratio}"].astype(np.int64) for part in ("train", "val", "test"))
            )
            for ratio in RATIOS
        }
        labels = np.unique(arrays["labels"], return_inverse=True)[1].astype(np.int64)
    except BROKEN as error:
        raise DataError(
            f"{path} is not the packed {name} graph ({error}); delete it and run "
            f"`papers data prepare {name}`"
        ) from None
    target = next(iter(num_nodes))
    return make_graph(target, num_nodes, edges, features, labels, splits, layout.metapaths)


def packed_parts(
    arrays: dict[str, Any], layout: Layout, num_nodes: dict[str, int], path: Path
) -> tuple[Edges, dict[str, Any]]:
    """Returns edges and features of a packed file.

    Raises:
        KeyError: An array is missing.
        ValueError: Arrays that are no matrix.
        DataError: A link names a node that does not exist.
    """
    edges: Edges = {}
    for pair in layout.links:
        ends = (layout.types[pair[0]][0], layout.types[pair[1]][0])
        edges[ends] = make_edges(arrays[pair], ends, num_nodes, f"{path}: {pair}")
    features = {
        layout.types[letter][0]: _features(arrays, letter, letter in layout.dense)
        for letter in layout.features
    }
    return edges, features


def _features(arrays: dict[str, Any], letter: str, dense: bool) -> Any:
    if dense:
        return arrays[f"{letter}_feat"].astype(np.float32)
    parts = [arrays[f"{letter}_feat_{part}"] for part in ("data", "indices", "indptr", "shape")]
    data, indices, indptr, shape = parts
    matrix = sp.csr_matrix((data.astype(np.float64), indices, indptr), shape=tuple(shape.tolist()))
    # An index beyond the shape would read foreign memory.
    matrix.check_format(full_check=True)
    return normalise_rows(matrix)
