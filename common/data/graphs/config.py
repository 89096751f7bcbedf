"""The ``data:`` section of graph papers, and what a module must know of the graph."""

from dataclasses import dataclass

from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

# Sets that are read from a path of the user's.
OWN_SETS = ("folder", "hetero-data")


@dataclass(frozen=True)
class GraphFacts:
    """What a module is built from; the target type is type 0. The defaults are ACM's.

    ``num_nodes``: target nodes in a batch. ``hop_types``: the node type at the end of each hop.
    ``contexts``: for each meta-path the hops that give its context.
    """

    num_nodes: int = 4019
    num_classes: int = 3
    feature_dims: tuple[int, ...] = (1902, 1902, 60)
    hop_types: tuple[int, ...] = (1, 2)
    contexts: tuple[tuple[int, ...], ...] = ((0,), (1,))


@dataclass
class GraphConfig:
    """The ``data:`` section: which graph, its meta-paths, and what is masked in it."""

    name: str = setting("papers-authors-subjects", choices=DataSets("graphs"))
    # Folder of prepared data; null: LIKEWISE_DATA, else ~/.cache/likewise.
    root: str | None = setting(None, result_neutral=True)
    # For name=folder and name=hetero-data: the user's own graph (docs/data.md).
    path: str | None = setting(None, result_neutral=True)
    # For name=hetero-data: the node type that is embedded; null: the one with labels.
    target: str | None = None
    # Training labels a class of a graph of one's own, for the evaluation.
    labels_per_class: list[int] = setting([20], at_least=1)
    # Such as paper-author-paper, from the target type back to it; empty: the set's own.
    metapaths: list[str] = setting([])
    # Neighbours with the largest PathSim kept a node, for each meta-path.
    top_k: list[int] = setting([110, 700], at_least=1)
    # Which of several equal PathSim values stay at the k-th place.
    ties: str = setting("last", choices=("last", "numpy"))
    # What PathSim and the kept edges see: how many paths, or 1 where there is any.
    path_counts: str = setting("paths", choices=("paths", "ones"))
    # Share of edges dropped from the masked graph of each meta-path, of entries of the features.
    edge_mask: list[float] = setting([0.3, 0.2], at_least=0, below=1)
    feature_mask: float = setting(0.3, at_least=0, below=1)
    # Target nodes a step, with drawn neighbours, on all devices together; null: the whole graph.
    batch_size: int | None = setting(None, at_least=2)
    # Neighbours drawn a meta-path for the batch's nodes, and then for those neighbours.
    fanouts: list[int] = setting([5, 3], at_least=1)
    # Intermediate nodes drawn a hop for a node's context.
    context_fanout: int = setting(10, at_least=1)
    # Target nodes of the generated graph papers-at-scale.
    num_targets: int = setting(10_000, at_least=3_000)
    # Seed of a generated graph; null: 1000 + the run's seed.
    graph_seed: int | None = setting(None, at_least=0)

    def __post_init__(self) -> None:
        """Refuses a path that nothing would read; raises `ConfigError`."""
        if self.path is not None and self.name not in OWN_SETS:
            raise ConfigError(
                f"data.path: {self.name} has files of its own; data.name=folder and "
                "data.name=hetero-data read yours"
            )
