"""The data module of all graph papers: the whole graph is one batch, or batches are sampled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from common.data.contract import RunData
from common.data.data_sets import DATASETS
from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphConfig, GraphFacts
from common.data.graphs.graph import HeteroGraph, check_splits, fingerprint
from common.data.graphs.neighbours import NeighbourBatches
from common.data.graphs.prepare import Prepared, make_batch, make_facts, prepare_graph
from common.data.graphs.references import NAMES, GraphReferences, check_references
from common.data.keyed import keyed_loader
from common.data.sampler import BatchKey
from common.errors import ConfigError
from common.evaluation.config import EvaluationConfig
from common.evaluation.finite import require_finite
from common.evaluation.node_embeddings import NodeEmbeddings
from common.losses.precision import upcast
from common.registry import READERS

# The seed of a generated family's fingerprint: its graphs differ by run seed, their rule does not.
FAMILY_SEED = 0
FAMILIES = ("papers-authors-subjects", "papers-at-scale")


class WholeGraph(Dataset[GraphBatch]):
    """Gives the graph at every key."""

    def __init__(self, batch: GraphBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        """Returns 1: an epoch is one step."""
        return 1

    def __getitem__(self, key: BatchKey) -> GraphBatch:
        """Returns the graph."""
        return self.batch


class GraphData(RunData):
    """A heterogeneous graph in memory; its masks are drawn once and stay.

    Args:
        config: The ``data:`` section.
        seed: Of the masks, and of a generated graph.
        graph: Taken instead of the one ``config`` names; see `from_hetero_data`.
        read: Takes config and seed and returns the graph; None: the reader of ``config.name``.
    """

    reference_names = NAMES

    def __init__(
        self,
        config: GraphConfig,
        seed: int,
        graph: HeteroGraph | None = None,
        read: Callable[[GraphConfig, int], HeteroGraph] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config = config
        self._read = read if graph is None else lambda config, seed: graph
        self._graph: HeteroGraph | None = None
        self._prepared: Prepared | None = None
        self._batch: GraphBatch | None = None

    def load(self) -> None:
        """Reads or generates the graph, checks it and prepares its operators; once.

        Raises:
            DataError: Missing or broken files, meta-paths that do not chain.
            ConfigError: Lists of ``data:`` that do not fit the meta-paths.
        """
        if self._batch is not None:
            return
        reader = self._read or DATASETS["graphs"].get(self.config.name)
        graph: HeteroGraph = reader(self.config, self.seed)
        check_splits(graph, self.config.name)
        paths = self.metapaths(graph)
        self._check_lists(paths)
        # Minutes and gigabytes where it is large: made again only where it would be another one.
        family = reader(self.config, FAMILY_SEED) if self._is_of_a_family else graph
        self.fingerprint = fingerprint(
            family.links, family.features, family.labels, list(family.splits.items()), paths
        )
        del family
        prepared = prepare_graph(graph, paths, self.config, self.seed)
        self._batch = make_batch(prepared)
        self._prepared = prepared if self.config.batch_size else None
        self._graph = graph

    @property
    def _is_of_a_family(self) -> bool:
        """Whether this graph is not the one that its fingerprint is taken of."""
        config = self.config
        generated = config.name in FAMILIES and self._read is None and config.graph_seed is None
        return generated and self.seed != FAMILY_SEED

    @property
    def graph(self) -> HeteroGraph:
        """The graph as read."""
        self.load()
        assert self._graph is not None
        return self._graph

    @property
    def batch(self) -> GraphBatch:
        """The graph as a step sees it."""
        self.load()
        assert self._batch is not None
        return self._batch

    def metapaths(self, graph: HeteroGraph) -> list[str]:
        """Returns the recipe's meta-paths, else the set's own."""
        return list(self.config.metapaths or graph.metapaths)

    def _check_lists(self, paths: list[str]) -> None:
        for name in ("top_k", "edge_mask"):
            values = getattr(self.config, name)
            if len(values) != len(paths):
                raise ConfigError(
                    f"data.{name}={values}: give one value for each of the {len(paths)} "
                    f"meta-paths {', '.join(paths)}"
                )
        if len(self.config.fanouts) != 2:
            raise ConfigError(f"data.fanouts={self.config.fanouts}: give two, one a layer")

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Raises `ConfigError` if a reference is too wide for the memory."""
        check_references(self.graph, self.metapaths(self.graph), evaluation.references)

    @property
    def facts(self) -> GraphFacts:
        """What a module must know of the data."""
        return make_facts(self.graph, self.metapaths(self.graph), self.config.batch_size)

    @property
    def step_samples(self) -> int:
        """Target nodes that a step trains on: those of a sampled batch, or all of them."""
        return self.facts.num_nodes

    def describe(self) -> str:
        """Returns one line for the console: what is alone or without features, and which split."""
        graph = self.graph
        nodes = ", ".join(f"{count:,} {name}s" for name, count in graph.num_nodes.items())
        alone = []
        for path in self.metapaths(graph):
            if number := graph.num_alone(path):
                alone.append(f"{number} without a {path} neighbour")
        kept = f" ({', '.join(alone)}; kept)" if alone else ""
        bare = [name for name in graph.num_nodes if graph.features.get(name) is None]
        one_hot = f"; no features, so one-hot rows: {', '.join(bare)}" if bare else ""
        notes = "".join(f"; {note}" for note in graph.notes)
        return (
            f"{self.config.name}: {nodes}, {graph.num_classes} classes{kept}{one_hot}{notes}; "
            f"data {self.fingerprint}"
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Returns the loader of the one batch, or of sampled ones."""
        size, dataset = self.config.batch_size, WholeGraph(self.batch)
        if size is None:
            return keyed_loader(dataset, self.make_sampler(len(dataset), 1))
        batches = self.sampled_batches()
        return keyed_loader(batches, self.make_sampler(len(batches), min(size, len(batches))))

    def sampled_batches(self, dtype: torch.dtype | None = None) -> NeighbourBatches:
        """Returns the batches of ``data.batch_size`` target nodes with drawn neighbours."""
        self.load()
        assert self._prepared is not None
        hop_types = self.facts.hop_types
        return NeighbourBatches(self._prepared, hop_types, self.config, self.seed, dtype)

    def transfer_batch_to_device(
        self, batch: GraphBatch, device: torch.device, dataloader_idx: int
    ) -> GraphBatch:
        """Moves the whole graph once; every later step finds it there."""
        return batch.to(device) if batch.sampled else self._on(device)

    def _on(self, device: torch.device) -> GraphBatch:
        if self.batch.adjacency[0].forward.device != device:
            self._batch = self.batch.to(device)
        return self.batch

    @torch.no_grad()
    def evaluation_inputs(self, module: nn.Module, split: str) -> NodeEmbeddings:
        """Embeds all target nodes in evaluation mode, and once with dropout active.

        For "val" the probe is measured on its validation nodes.

        Raises:
            LikewiseError: An embedding is not finite.
        """
        was_training = module.training
        batch = self._on(next(module.parameters()).device)
        module.eval()
        z = require_finite(upcast(module.embed(batch)).cpu())  # type: ignore[operator]
        module.train()
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            active = require_finite(upcast(module.embed(batch)).cpu())  # type: ignore[operator]
        module.train(was_training)
        return self._inputs(z, active, split)

    @torch.no_grad()
    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds the target nodes of a user's own graph, prepared and masked as the run's.

        Returns:
            ``embeddings`` (target nodes, dim), in the order of the node numbers.

        Raises:
            DataError: A broken file, other node types or feature widths; names the file.
        """
        paths = self.metapaths(self.graph)
        graph = READERS.get("graphs")(path, self.graph, paths)
        own = make_batch(prepare_graph(graph, paths, self.config, self.seed))
        was_training = module.training
        module.eval()
        z = module.embed(own.to(next(module.parameters()).device))  # type: ignore[operator]
        module.train(was_training)
        return {"embeddings": z.float().cpu().numpy()}

    def references(self, split: str) -> GraphReferences:
        """Returns the encoders that learn nothing; each is computed when it is taken."""
        return GraphReferences(
            self.graph, self.metapaths(self.graph), lambda z: self._inputs(z, None, split)
        )

    def _inputs(self, z: Tensor, active: Tensor | None, split: str) -> NodeEmbeddings:
        graph, splits = self.graph, {}
        for number, parts in graph.splits.items():
            train, val, test = (torch.from_numpy(ids) for ids in parts)
            splits[number] = (train, val, val if split == "val" else test)
        return NodeEmbeddings(z, active, torch.from_numpy(graph.labels), splits)
