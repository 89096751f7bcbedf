"""A map of the labelled target nodes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from common.data.graphs.module import GraphData
from common.distributed.draws import keyed_generator
from common.plots.embedding_map import embedding_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE, SAMPLE_SEED = 600, 0


def draw(module: nn.Module, data: GraphData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots by name; none of a graph without labels."""
    if not data.facts.num_classes:
        return {}
    return {"nodes_map": lambda: draw_nodes(module, data)}


def draw_nodes(module: nn.Module, data: GraphData) -> "Figure":
    """Draws labelled target nodes as the probe sees them, coloured by class."""
    inputs = data.evaluation_inputs(module, "test")
    known = torch.nonzero(inputs.labels >= 0).squeeze(1)
    order = torch.randperm(len(known), generator=keyed_generator(SAMPLE_SEED))
    rows = known[order[:SAMPLE]]
    names = [f"class {label}" for label in range(int(inputs.labels.max()) + 1)]
    title = f"Embeddings of {len(rows):,} labelled {data.graph.target} nodes (PCA, t-SNE)"
    return embedding_map(inputs.z[rows], inputs.labels[rows], names, title)
