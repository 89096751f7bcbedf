"""One heterogeneous graph, or a sampled part of it, as a training step sees it."""

from dataclasses import dataclass

import torch

from common.data.graphs.operators import Operator, RepeatedOperator


@dataclass(frozen=True)
class GraphBatch:
    """A graph; the target type is type 0.

    ``features``: an operator (nodes, features) a node type, None for identity features.
    ``masked_features``: those of the target with entries dropped. ``hops``: row-normalised
    incidences target x other type. ``adjacency`` and ``masked_adjacency``: one normalised
    target x target operator a meta-path. In a sampled batch these lead from outer to inner nodes,
    the features and hops are the outer nodes', and ``seed_adjacency`` and
    ``seed_masked_adjacency`` lead from inner nodes to the batch's own.
    """

    features: tuple[Operator | None, ...]
    masked_features: Operator | None
    hops: tuple[Operator | RepeatedOperator, ...]
    adjacency: tuple[Operator, ...]
    masked_adjacency: tuple[Operator, ...]
    seed_adjacency: tuple[Operator, ...] = ()
    seed_masked_adjacency: tuple[Operator, ...] = ()

    @property
    def sampled(self) -> bool:
        """Whether this is a part of the graph, drawn for some target nodes."""
        return bool(self.seed_adjacency)

    def to(self, device: torch.device) -> "GraphBatch":
        """Returns the graph on ``device``."""
        return GraphBatch(
            tuple(f and f.to(device) for f in self.features),
            self.masked_features and self.masked_features.to(device),
            tuple(hop.to(device) for hop in self.hops),
            *(
                tuple(operator.to(device) for operator in operators)
                for operators in (
                    self.adjacency,
                    self.masked_adjacency,
                    self.seed_adjacency,
                    self.seed_masked_adjacency,
                )
            ),
        )
