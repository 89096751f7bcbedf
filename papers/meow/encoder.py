"""MEOW's two views: coarse from the nodes' own features, fine from meta-path contexts."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphFacts
from common.data.graphs.operators import Operator
from papers.meow.backbone import MeanOperator, NodeProjection, SemanticAttention, WholeGraphGCN

Layers = tuple[Operator, Operator | None]


class ViewInputs(NamedTuple):
    """What the GCN sees, each (nodes, dim): one coarse, one fine and one masked a meta-path."""

    coarse: Tensor
    fine: list[Tensor]
    masked: list[Tensor]


class ContextEncoder(nn.Module):
    """Projection, meta-path contexts, shared GCN and attention (code_meow/module/meow.py).

    Args:
        facts: Facts of the graph.
        dim: Width of every layer.
        dropout: Dropout of projections, contexts, convolutions and the attention's query.
        contexts: False leaves the contexts out: every view sees the target's features alone.
    """

    def __init__(self, facts: GraphFacts, dim: int, dropout: float, contexts: bool = True) -> None:
        super().__init__()
        self.contexts = facts.contexts if contexts else ((),) * len(facts.contexts)
        self.hop_types = facts.hop_types
        types = {0, *(facts.hop_types[hop] for path in self.contexts for hop in path)}
        self.projections = nn.ModuleDict(
            {str(t): NodeProjection(facts.feature_dims[t], dim, dropout) for t in sorted(types)}
        )
        self.context_linears = nn.ModuleList(
            nn.Linear(dim, dim, bias=False) for path in self.contexts for _ in path
        )
        self.gcn = WholeGraphGCN(dim, dim, dim, dropout)
        self.attention = SemanticAttention(dim, dropout)
        self.dropout = nn.Dropout(dropout)

    def view_inputs(self, batch: GraphBatch) -> ViewInputs:
        """Returns the enriched features of every view."""
        h = {int(t): project(batch.features[int(t)]) for t, project in self.projections.items()}
        h_masked = self.projections["0"](batch.masked_features)
        linears, fine, masked = iter(self.context_linears), [], []
        for path in self.contexts:
            means = [batch.hops[hop] @ h[self.hop_types[hop]] for hop in path]
            contexts = [linear(mean) for mean, linear in zip(means, linears, strict=False)]
            fine.append(self._enrich(h[0], contexts))
            masked.append(self._enrich(h_masked, contexts))
        return ViewInputs(h[0], fine, masked)

    def _enrich(self, h: Tensor, contexts: list[Tensor]) -> Tensor:
        if not contexts:
            return h
        return F.elu(h + torch.stack([self.dropout(c) for c in contexts]).sum(0))

    def coarse(self, inputs: ViewInputs, batch: GraphBatch) -> Tensor:
        """Returns the coarse view (nodes, dim), over the mean of the meta-path graphs."""
        second = MeanOperator(batch.seed_adjacency) if batch.sampled else None
        return self.gcn(inputs.coarse, MeanOperator(batch.adjacency), second)

    def fine(self, inputs: ViewInputs, batch: GraphBatch) -> Tensor:
        """Returns the embedding z (nodes, dim): attention over two unit-row views a meta-path."""
        clean, masked = self._layers(batch)
        views = []
        for path, (first, second) in enumerate(clean):
            views.append(self.gcn(inputs.fine[path], first, second))
            views.append(self.gcn(inputs.masked[path], *masked[path]))
        return self.attention(F.normalize(torch.stack(views), dim=-1), batch.sampled)

    def _layers(self, batch: GraphBatch) -> tuple[list[Layers], list[Layers]]:
        """Returns the operators of both convolutions, a meta-path, clean and masked."""
        none: tuple[None, ...] = (None,) * len(batch.adjacency)
        clean = zip(batch.adjacency, batch.seed_adjacency or none, strict=True)
        masked = zip(batch.masked_adjacency, batch.seed_masked_adjacency or none, strict=True)
        return list(clean), list(masked)
