"""The data module of all graph papers: the whole graph is one batch, or batches are sampled."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import HeteroData

from common.backbones.modes import evaluating, training
from common.data.contract import RunData, keyed_loader
from common.data.graphs.batch import GraphBatch
from common.data.graphs.config import GraphConfig, GraphFacts
from common.data.graphs.graph import (
    check_splits,
    count_alone,
    count_classes,
    get_labels,
    get_splits,
    graph_fingerprint,
    node_counts,
)
from common.data.graphs.neighbours import NeighbourBatches
from common.data.graphs.prepare import PreparedGraph, make_batch, make_facts, prepare_graph
from common.data.graphs.references import NAMES, GraphReferences, check_references
from common.data.modality import DataSets
from common.data.sampler import BatchKey
from common.errors import DataError
from common.evaluation.config import EvaluationConfig, check_asked
from common.evaluation.frozen import require_finite
from common.evaluation.node_inputs import NodeEmbeddings
from common.losses.precision import upcast
from common.registry import READERS

# The seed of a generated family's fingerprint: its graphs differ by run seed, their rule does not.
FAMILY_SEED = 0
FAMILIES = ("papers-authors-subjects", "papers-at-scale")
# For each meta-path of a graph given in Python, where nothing else is said.
TOP_K, EDGE_MASK = 100, 0.2


class WholeGraph(Dataset[GraphBatch]):
    """Gives the graph at every key."""

    def __init__(self, batch: GraphBatch) -> None:
        self.batch = batch

    def __getitem__(self, key: BatchKey) -> GraphBatch:
        """Returns the graph."""
        return self.batch


class GraphData(RunData):
    """A heterogeneous graph in memory; its masks are drawn once and stay.

    Args:
        config: The ``data:`` section.
        seed: Seed of the masks, and of a generated graph.
        read: Takes config and seed and returns the graph; None: the reader of ``config.name``.
    """

    reference_names = NAMES

    def __init__(
        self,
        config: GraphConfig,
        seed: int,
        read: Callable[[GraphConfig, int], HeteroData] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config = config
        self._read = read
        self._graph: HeteroData | None = None
        self._prepared: PreparedGraph | None = None
        self._batch: GraphBatch | None = None

    def load(self) -> None:
        """Reads or generates the graph, checks it and prepares its operators; once.

        Raises:
            DataError: Missing or broken files, meta-paths that do not chain.
            ConfigError: Lists of ``data:`` that do not fit the meta-paths.
        """
        if self._batch is not None:
            return
        reader = self._read or DataSets("graphs").get(self.config.name)
        graph: HeteroData = reader(self.config, self.seed)
        check_splits(graph, self.config.name)
        paths = self.metapaths(graph)
        # Minutes and gigabytes where it is large: made again only where it would be another one.
        family = reader(self.config, FAMILY_SEED) if self._is_of_a_family else graph
        self.fingerprint = graph_fingerprint(family, paths)
        del family
        prepared = prepare_graph(graph, paths, self.config, self.seed)
        self._batch = make_batch(prepared)
        self._prepared = prepared if self.config.batch_size else None
        self._graph = graph

    @classmethod
    def from_hetero_data(
        cls,
        data: HeteroData,
        target: str | None = None,
        metapaths: Sequence[str] = (),
        seed: int = 0,
        **settings: Any,
    ) -> "GraphData":
        """Returns the data module of a graph of PyTorch Geometric's.

        Args:
            data: What `docs/data.md` describes, such as ``DBLP(root)[0]``; it stays as it is.
            target: The node type that is embedded; None: the one with labels ``y``.
            metapaths: Such as ``paper-author-paper``; none: those of one step to each type that is
                linked with the target, and back.
            seed: Seed of the masks.
            settings: Other fields of `GraphConfig`, such as ``top_k=[25]``.

        Raises:
            ConfigError: A setting that does not fit the graph.
            DataError: Something in ``data`` that is no table of node numbers, features or labels.
        """
        own: dict[str, Any] = {"top_k": [TOP_K], "edge_mask": [EDGE_MASK]} | settings
        paths = list(metapaths)
        config = GraphConfig(name="hetero-data", target=target, metapaths=paths, **own)
        reader = DataSets("graphs").get("hetero-data")
        found = cls(config, seed, read=lambda config, seed: reader(config, seed, data))
        found.load()
        return found

    @property
    def _is_of_a_family(self) -> bool:
        """Whether this graph is not the one that its fingerprint is taken of."""
        config = self.config
        generated = config.name in FAMILIES and self._read is None and config.graph_seed is None
        return generated and self.seed != FAMILY_SEED

    @property
    def graph(self) -> HeteroData:
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

    def metapaths(self, graph: HeteroData) -> list[str]:
        """Returns the recipe's meta-paths, else the set's own."""
        return list(self.config.metapaths or graph.metapaths)

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Checks, before compute is spent, that nodes can be measured.

        Raises:
            DataError: No node has the label that protocols need.
            ConfigError: A reference is too wide for the memory.
        """
        names = [*evaluation.protocols, *evaluation.online]
        asked = [name for name in names if evaluation.settings(name).needs]
        if count_classes(self.graph) == 0 and asked:
            raise DataError(
                f"{self.config.path}: no {self.graph.target} has a label, which "
                f"evaluation.protocols={asked} need; evaluation.protocols=[] trains without"
            )
        unmeasured = torch.empty(len(get_labels(self.graph)), 0)
        check_asked(evaluation, "graphs", lambda split: self._inputs(unmeasured, None, split))
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
        graph, paths = self.graph, self.metapaths(self.graph)
        counts = node_counts(graph)
        nodes = ", ".join(f"{count:,} {name}s" for name, count in counts.items())
        alone = [
            f"{number} without a {path} neighbour"
            for path, number in zip(paths, count_alone(graph, paths), strict=True)
            if number
        ]
        kept = f" ({', '.join(alone)}; kept)" if alone else ""
        bare = [name for name in counts if "x" not in graph[name]]
        one_hot = f"; no features, so one-hot rows: {', '.join(bare)}" if bare else ""
        notes = "".join(f"; {note}" for note in graph.notes)
        number = count_classes(graph)
        known = f"{number} classes" if number else "no labels"
        return (
            f"{self.config.name}: {nodes}, {known}{kept}{one_hot}{notes}; data {self.fingerprint}"
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Returns the loader of the one batch, or of sampled ones."""
        size = self.config.batch_size
        if size is None:  # an epoch is one step
            return keyed_loader(WholeGraph(self.batch), self.make_sampler(1, 1))
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
        return batch.to(device) if batch.sampled else self.whole_graph(device)

    def whole_graph(self, device: torch.device) -> GraphBatch:
        """Returns the whole graph on ``device``, where it stays."""
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
        batch = self.whole_graph(next(module.parameters()).device)
        z = require_finite(upcast(self.embed(module)).cpu())
        with training(module), torch.random.fork_rng():
            torch.manual_seed(self.seed)
            active = require_finite(upcast(module.embed(batch)).cpu())  # type: ignore[operator]
        return self._inputs(z, active, split)

    @torch.no_grad()
    def embed(self, module: nn.Module, batch: GraphBatch | None = None) -> Tensor:
        """Embeds all target nodes in evaluation mode.

        Args:
            module: Module of this graph, or of one of its form.
            batch: A whole graph on any device; None: this one.

        Returns:
            z: (target nodes, dim), in the order of the node numbers.
        """
        device = next(module.parameters()).device
        given = self.whole_graph(device) if batch is None else batch.to(device)
        with evaluating(module):
            z: Tensor = module.embed(given)  # type: ignore[operator]
        return z

    @torch.no_grad()
    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds the target nodes of a user's own graph, prepared and masked as the run's.

        Returns:
            ``embeddings`` (target nodes, dim), in the order of the node numbers, which are ``ids``,
            and ``labels`` by the names of the classes where the graph has them.

        Raises:
            DataError: A broken file, other node types or feature widths; names the file.
        """
        paths = self.metapaths(self.graph)
        graph, known = READERS.get("graphs")(path, self.graph, paths)
        own = make_batch(prepare_graph(graph, paths, self.config, self.seed))
        return {"embeddings": self.embed(module, own).float().cpu().numpy(), **known}

    def references(self, split: str) -> GraphReferences:
        """Returns the encoders that learn nothing; each is computed when it is taken."""
        return GraphReferences(
            self.graph, self.metapaths(self.graph), lambda z: self._inputs(z, None, split)
        )

    def _inputs(self, z: Tensor, active: Tensor | None, split: str) -> NodeEmbeddings:
        graph, splits = self.graph, {}
        for number, parts in get_splits(graph).items():
            train, val, test = (torch.from_numpy(ids) for ids in parts)
            splits[number] = (train, val, val if split == "val" else test)
        return NodeEmbeddings(z, active, torch.from_numpy(get_labels(graph)), splits)
