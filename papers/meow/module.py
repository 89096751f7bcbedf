"""MEOW: meta-path contexts as the fine view, weighted negatives and prototypes."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from common.config.schema import OptimizerConfig
from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphFacts
from common.data.graphs.module import GraphData
from common.distributed.collectives import gather_with_grad
from common.errors import ConfigError, LikewiseError
from common.optim.build import build_optimizer
from common.training.diagnostics import embedding_std, is_log_due
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from papers.meow.config import MEOWConfig
from papers.meow.encoder import ContextEncoder
from papers.meow.loss import Clustering, cluster, prototype_loss, weighted_infonce
from papers.meow.soft import SoftWeights

NODES_OF_ACM = 4019


class MEOW(PaperModule):
    """The whole graph is one batch and a step an epoch, unless ``data.batch_size`` samples it."""

    def __init__(
        self,
        method: MEOWConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: GraphFacts | None = None,
    ) -> None:
        super().__init__()
        self.graph: GraphData | None = None
        self.method = method or MEOWConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adam", lr=7e-4)
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or GraphFacts()
        check_clusters(self.method, facts)
        dim = self.method.dim
        self.encoder = ContextEncoder(facts, dim, self.method.dropout, self.method.contexts)
        contrast_dim = self.method.projection_dim or dim
        self.projection = nn.Linear(dim, contrast_dim)
        self.soft_weights: SoftWeights | None = None
        if self.method.model == "adameow":
            self.soft_weights = SoftWeights(contrast_dim, self.method.soft_weight_dim)

    @classmethod
    def from_hetero_data(
        cls,
        data: HeteroData,
        target: str | None = None,
        metapaths: Sequence[str] = (),
        *,
        method: MEOWConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> "MEOW":
        """Returns a module that holds a graph: ``trainer.fit(model)`` trains on it.

        Args:
            data: Data of PyTorch Geometric, such as ``DBLP(root)[0]``.
            target: The node type that is embedded; None: the one with labels ``y``.
            metapaths: Such as ``paper-author-paper``; none: those of one step to each type that is
                linked with the target, and back.
            method: The method's settings; None: the paper's, with `clusters_for` the nodes.
            optimizer: Its settings; None: the paper's.
            seed: Seed of the graph's masks and of the initial weights.
            settings: Fields of `GraphConfig`, such as ``top_k=[25]`` and ``batch_size=512``.

        Raises:
            ConfigError: A setting that does not fit the graph.
            DataError: Something in ``data`` that is no table of node numbers, features or labels.
        """
        graph = GraphData.from_hetero_data(data, target, metapaths, seed, **settings)
        method = method or MEOWConfig(num_clusters=clusters_for(graph.facts.num_nodes))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = cls(method, optimizer, graph.facts)
        model.graph = graph
        return model

    def train_dataloader(self) -> Any:
        """Returns the batches of the graph that `from_hetero_data` was given."""
        graph = self._own_graph()
        graph.whole_graph(self.device)  # once, instead of at every step
        return graph.train_dataloader()

    def _own_graph(self) -> GraphData:
        if self.graph is None:
            raise ConfigError(
                "data: the module holds no graph; use MEOW.from_hetero_data(data), or give the "
                "Trainer a GraphData"
            )
        return self.graph

    def embed(self, batch: GraphBatch | None = None) -> Tensor:
        """Returns the embedding z: (nodes, dim), before projection.

        Without a batch it is that of all target nodes of the module's own graph, in the order of
        their numbers, in evaluation mode and without gradient.
        """
        if batch is None:
            return self._own_graph().embed(self)
        return self.encoder.fine(self.encoder.view_inputs(batch), batch)

    def project(self, z: Tensor) -> Tensor:
        """Maps z: (nodes, dim) to unit rows u; shared by both views."""
        return F.normalize(torch.tanh(self.projection(z)), dim=1)

    @property
    def backbone(self) -> ContextEncoder:
        """The encoder, which is what an export writes."""
        return self.encoder

    def training_step(self, batch: GraphBatch, batch_idx: int) -> Tensor:
        """One step on the whole graph, or on a sampled batch of it."""
        inputs = self.encoder.view_inputs(batch)
        # Sampled nodes of all devices are contrasted together: a batch is one, whoever shares it.
        u_coarse = gather_with_grad(self.project(self.encoder.coarse(inputs, batch)))
        u_fine = gather_with_grad(self.project(self.encoder.fine(inputs, batch)))
        if self.soft_weights is not None:
            loss = self.soft_weights.loss(u_fine, u_coarse, self.method.temperature)
        else:
            loss = self.weighted_loss(u_coarse, u_fine)
        self._log(loss, u_fine.detach())
        count_batch(self)
        return loss

    def weighted_loss(self, u_coarse: Tensor, u_fine: Tensor) -> Tensor:
        """Contrast of coarse anchors with fine candidates, plus the prototypes."""
        method, clusterings = self.method, []
        if method.weights == "hard" or method.prototype_weight > 0:
            clusterings = cluster(
                u_fine.detach(),
                method.num_clusters,
                method.temperature,
                num_iterations=method.kmeans_iterations,
                num_restarts=method.kmeans_restarts,
            )
        assigned = None
        if method.weights == "hard":
            assigned = torch.stack([found.assigned for found in clusterings])
            check_negatives(method, assigned)
        loss = weighted_infonce(u_coarse, u_fine, method.temperature, assigned)
        if method.prototype_weight > 0:
            check_concentrations(method, u_fine, clusterings)
            loss = loss + method.prototype_weight * prototype_loss(u_coarse, clusterings)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate."""
        return build_optimizer(self.parameters(), self.optimizer)

    def _log(self, loss: Tensor, u_fine: Tensor) -> None:
        if is_log_due(self):
            self.log("train/loss", loss, batch_size=1)
            self.log("diag/embedding_std", embedding_std(u_fine), batch_size=1)


def clusters_for(num_nodes: int) -> list[int]:
    """Returns ACM's 100 and 300 clusters; fewer for fewer nodes, so that each has as many."""
    return [max(min(most, num_nodes * most // NODES_OF_ACM), 2) for most in (100, 300)]


def check_negatives(method: MEOWConfig, assigned: Tensor) -> None:
    """Raises `LikewiseError` if ``assigned``: (clusterings, nodes) parts no node from another."""
    if bool((assigned == assigned[:, :1]).all()):
        raise LikewiseError(
            f"method.num_clusters={method.num_clusters}: k-means puts all {assigned.shape[1]} "
            "nodes into one cluster, and the loss is infinite; lower optimizer.lr"
        )


def check_concentrations(method: MEOWConfig, u: Tensor, clusterings: list[Clustering]) -> None:
    """Raises `LikewiseError` if a concentration of finite ``u``: (nodes, dim) is no number.

    A member's inner product with its centroid is negative in a cluster that spans more than it
    holds together, and has no root; the official code goes on with NaN.
    """
    values = torch.cat([found.concentration for found in clusterings])
    if not bool(values.isfinite().all()) and bool(u.isfinite().all()):
        raise LikewiseError(
            f"method.num_clusters={method.num_clusters}: a node's inner product with its cluster's "
            "centre is negative; take more clusters"
        )


def check_clusters(method: MEOWConfig, facts: GraphFacts) -> None:
    """Raises `ConfigError` if there are fewer nodes than clusters."""
    most = max(method.num_clusters, default=0)
    if method.model == "meow" and most >= facts.num_nodes:
        raise ConfigError(
            f"method.num_clusters={method.num_clusters}: a batch has {facts.num_nodes} target "
            f"nodes; use fewer clusters than nodes"
        )
    if method.model == "meow" and not method.num_clusters:
        raise ConfigError("method.num_clusters: give at least one number of clusters")
