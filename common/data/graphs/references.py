"""Embeddings that learn nothing, each made when it is asked for: they may be wide."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from common.data.graphs.graph import (
    Links,
    dense_features,
    join_links,
    node_counts,
    split_metapath,
)
from common.data.graphs.prepare import make_facts, propagate, split_hops
from common.errors import ConfigError
from common.evaluation.node_inputs import NodeEmbeddings

NAMES = ("raw", "propagated", "propagated-context")
# Numbers in one array, 2 GiB in float32: one-hot rows of 23,170 nodes. Propagation holds it about
# six times, twice in float64.
MOST_NUMBERS = 2**29


def check_references(graph: HeteroData, metapaths: list[str], names: list[str]) -> None:
    """Refuses, before anything is trained, references that would not fit the memory.

    Args:
        graph: The graph as read.
        metapaths: To propagate over.
        names: Names of references, some of which may be of no graph.

    Raises:
        ConfigError: An array of one holds more than `MOST_NUMBERS`; names those that do not.
    """
    found = {name: _largest(graph, metapaths, name) for name in names if name in NAMES}
    if large := {name: s for name, s in found.items() if s[0] * s[1] > MOST_NUMBERS}:
        rows, columns = next(iter(large.values()))
        kept = [name for name in names if name not in large]
        raise ConfigError(
            f"evaluation.references: {', '.join(large)} would hold {rows:,} x {columns:,} numbers; "
            f"use [{','.join(kept)}]"
        )


def _largest(graph: HeteroData, metapaths: list[str], name: str) -> tuple[int, int]:
    """Returns the shape of the largest array that the reference ``name`` is made of."""
    types = [graph.target]
    if name == "propagated-context":
        types += [hop[-1] for hop in split_hops(graph, metapaths)[0]]
    counts = node_counts(graph)
    width = dict(zip(counts, make_facts(graph, metapaths).feature_dims, strict=True))
    own = [(counts[node_type], width[node_type]) for node_type in types]
    joined = (counts[graph.target], sum(width[node_type] for node_type in types))
    return max([*own, joined], key=lambda shape: shape[0] * shape[1])


class GraphReferences(Mapping[str, NodeEmbeddings]):
    """``raw``, ``propagated`` and ``propagated-context`` of a graph.

    ``raw``: the target's features. ``propagated``: those multiplied by the row-normalised counts
    of each meta-path, averaged. ``propagated-context``: the same with the mean features of the
    intermediate nodes beside the target's own. Without features x is the identity, so that
    ``propagated`` is the mean row of the normalised counts.

    Args:
        graph: The graph as read.
        metapaths: To propagate over.
        wrap: Adds labels and splits to an embedding (nodes, dim).
    """

    def __init__(
        self,
        graph: HeteroData,
        metapaths: list[str],
        wrap: Callable[[torch.Tensor], NodeEmbeddings],
    ) -> None:
        self.graph, self.metapaths, self.wrap = graph, metapaths, wrap

    def __getitem__(self, name: str) -> NodeEmbeddings:
        """Computes the reference ``name``."""
        if name not in NAMES:
            raise KeyError(name)
        x, links = dense_features(self.graph, self.graph.target), join_links(self.graph)
        if name == "propagated-context":
            x = self._with_contexts(x, links)
        if name != "raw":
            paths = [split_metapath(self.graph, path) for path in self.metapaths]
            x = np.mean([propagate(links, path, x) for path in paths], 0)
        return self.wrap(torch.from_numpy(x))

    def _with_contexts(self, x: NDArray[Any], links: Links) -> NDArray[np.float32]:
        beside = [x]
        for hop in split_hops(self.graph, self.metapaths)[0]:
            beside.append(propagate(links, list(hop), dense_features(self.graph, hop[-1])))
        return np.concatenate(beside, 1)

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names."""
        return iter(NAMES)

    def __len__(self) -> int:
        """Returns the number of references."""
        return len(NAMES)
