"""A generated graph of papers, authors and subjects for `quick` and the tests."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import Edges, make_edges, make_graph, normalise_rows
from common.data.graphs.splits import NodeSplit

CLASS_SIZES = (300, 300, 200)
NUM_NODES = {"paper": sum(CLASS_SIZES), "author": 400, "subject": 30}
AUTHOR_PURITY, SUBJECT_PURITY = 0.85, 0.75
VOCABULARY, CLASS_WORDS, WORD_BOOST = 300, 60, 1.15
MEAN_WORDS, LEAST_WORDS = 30, 5
TRAIN_PER_CLASS, NUM_VAL = 20, 300
SEED_OFFSET = 1000


def papers_authors_subjects(config: GraphConfig, seed: int) -> HeteroData:
    """Makes the graph of ``data.graph_seed``, or of 1000 + the run's seed.

    Papers of three classes; authors and subjects mostly of the paper's class; words that barely
    depend on it. Authors and subjects have identity features.
    """
    graph_seed = SEED_OFFSET + seed if config.graph_seed is None else config.graph_seed
    generator = np.random.default_rng(graph_seed)
    labels = generator.permutation(np.repeat(np.arange(len(CLASS_SIZES)), CLASS_SIZES))
    edges: Edges = {
        ("paper", "author"): _draw_authors(labels, generator),
        ("paper", "subject"): _draw_subjects(labels, generator),
    }
    features = {"paper": normalise_rows(sp.csr_matrix(_draw_words(labels, generator)))}
    splits = {TRAIN_PER_CLASS: _draw_split(labels, generator)}
    metapaths = ("paper-author-paper", "paper-subject-paper")
    return make_graph("paper", NUM_NODES, edges, features, labels, splits, metapaths)


def _draw_authors(labels: NDArray[np.int64], generator: np.random.Generator) -> Tensor:
    """1 to 4 draws a paper, each from the authors of its class with probability .85."""
    count = NUM_NODES["author"]
    home = generator.integers(len(CLASS_SIZES), size=count)
    papers = np.repeat(np.arange(len(labels)), generator.integers(1, 5, size=len(labels)))
    pure = generator.random(len(papers)) < AUTHOR_PURITY
    authors = generator.integers(count, size=len(papers))
    for label in range(len(CLASS_SIZES)):
        chosen = pure & (labels[papers] == label)
        authors[chosen] = generator.choice(np.flatnonzero(home == label), chosen.sum())
    pairs = np.stack([papers, authors], 1)
    return make_edges(pairs, ("paper", "author"), NUM_NODES, "generated")


def _draw_subjects(labels: NDArray[np.int64], generator: np.random.Generator) -> Tensor:
    """One subject a paper, of its own class with probability .75; subject i is of class i mod 3."""
    count, classes = NUM_NODES["subject"], len(CLASS_SIZES)
    own = labels + classes * generator.integers(count // classes, size=len(labels))
    any_subject = generator.integers(count, size=len(labels))
    pure = generator.random(len(labels)) < SUBJECT_PURITY
    pairs = np.stack([np.arange(len(labels)), np.where(pure, own, any_subject)], 1)
    return make_edges(pairs, ("paper", "subject"), NUM_NODES, "generated")


def _draw_words(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Word counts (papers, vocabulary); a class multiplies 60 words of its own by 1.15."""
    base = generator.gamma(1.0, 1.0, size=VOCABULARY) + 0.1
    own_words = generator.permutation(VOCABULARY)[: CLASS_WORDS * len(CLASS_SIZES)]
    rates = np.tile(base, (len(CLASS_SIZES), 1))
    for label, words in enumerate(own_words.reshape(len(CLASS_SIZES), CLASS_WORDS)):
        rates[label, words] *= WORD_BOOST
    rates /= rates.sum(1, keepdims=True)
    lengths = generator.poisson(MEAN_WORDS, size=len(labels)) + LEAST_WORDS
    return np.stack(
        [generator.multinomial(n, rates[c]) for n, c in zip(lengths, labels, strict=True)]
    )


def _draw_split(labels: NDArray[np.int64], generator: np.random.Generator) -> NodeSplit:
    order = generator.permutation(len(labels))
    train = np.concatenate(
        [order[labels[order] == c][:TRAIN_PER_CLASS] for c in range(len(CLASS_SIZES))]
    )
    rest = order[~np.isin(order, train)]
    return NodeSplit(train, rest[:NUM_VAL], rest[NUM_VAL:])
