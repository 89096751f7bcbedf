"""A generated graph of any size whose edges grow with its nodes, for training on samples."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import Edges, make_edges, make_graph
from common.data.graphs.splits import Ids, draw_splits

NUM_CLASSES, FEATURE_DIM = 3, 32
PAPERS_PER_AUTHOR, PAPERS_PER_SUBJECT = 2, 30
MOST_AUTHORS, AUTHOR_PURITY, SUBJECT_PURITY = 4, 0.85, 0.75
SIGNAL = 0.15
TRAIN_PER_CLASS, NUM_VAL, NUM_TEST = 20, 1000, 1000
SEED_OFFSET = 1000


def papers_at_scale(config: GraphConfig, seed: int) -> HeteroData:
    """Makes ``data.num_targets`` papers, half as many authors and a thirtieth of subjects.

    Three classes; 1 to 4 authors a paper and one subject, mostly of its class; 32 features a node
    of every type, of which those of a class have a slightly different mean.
    """
    graph_seed = SEED_OFFSET + seed if config.graph_seed is None else config.graph_seed
    generator, papers = np.random.default_rng(graph_seed), config.num_targets
    num_nodes = {
        "paper": papers,
        "author": papers // PAPERS_PER_AUTHOR,
        "subject": papers // PAPERS_PER_SUBJECT,
    }
    classes = {name: np.arange(count) % NUM_CLASSES for name, count in num_nodes.items()}
    centres = SIGNAL * generator.standard_normal((NUM_CLASSES, FEATURE_DIM), dtype=np.float32)
    features = {
        name: centres[own] + generator.standard_normal((len(own), FEATURE_DIM), dtype=np.float32)
        for name, own in classes.items()
    }
    labels = classes["paper"].astype(np.int64)
    writers = np.repeat(np.arange(papers), generator.integers(1, MOST_AUTHORS + 1, size=papers))
    ends = {"author": (writers, AUTHOR_PURITY), "subject": (np.arange(papers), SUBJECT_PURITY)}
    edges: Edges = {
        ("paper", name): _draw_links(labels, rows, purity, name, num_nodes, generator)
        for name, (rows, purity) in ends.items()
    }
    splits = draw_splits(labels, (TRAIN_PER_CLASS,), NUM_VAL, NUM_TEST, graph_seed, "generated")
    metapaths = ("paper-author-paper", "paper-subject-paper")
    return make_graph("paper", num_nodes, edges, features, labels, splits, metapaths)


def _draw_links(
    labels: Ids,
    rows: NDArray[np.int64],
    purity: float,
    name: str,
    num_nodes: dict[str, int],
    generator: np.random.Generator,
) -> Tensor:
    """Links each row to a node of its class with probability ``purity``, else to any."""
    count = num_nodes[name]
    own = labels[rows] + NUM_CLASSES * generator.integers(count // NUM_CLASSES, size=len(rows))
    pure = generator.random(len(rows)) < purity
    ends = np.where(pure, own, generator.integers(count, size=len(rows)))
    return make_edges(np.stack([rows, ends], 1), ("paper", name), num_nodes, "generated")
