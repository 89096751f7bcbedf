"""One heterogeneous graph as a training step sees it."""

from dataclasses import dataclass

import torch

from common.data.graphs.operators import Operator


@dataclass(frozen=True)
class GraphBatch:
    """The whole graph; the target type is type 0.

    ``features``: an operator (nodes, features) a node type, None for identity features.
    ``masked_features``: those of the target with entries dropped. ``hops``: row-normalised
    incidences target x other type. ``adjacency`` and ``masked_adjacency``: one normalised
    target x target operator a meta-path.
    """

    features: tuple[Operator | None, ...]
    masked_features: Operator | None
    hops: tuple[Operator, ...]
    adjacency: tuple[Operator, ...]
    masked_adjacency: tuple[Operator, ...]

    def to(self, device: torch.device) -> "GraphBatch":
        """Returns the graph on ``device``."""
        return GraphBatch(
            tuple(f and f.to(device) for f in self.features),
            self.masked_features and self.masked_features.to(device),
            *(
                tuple(operator.to(device) for operator in operators)
                for operators in (self.hops, self.adjacency, self.masked_adjacency)
            ),
        )
