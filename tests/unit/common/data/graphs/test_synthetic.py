import json

import numpy as np
import pytest
import torch

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import get_labels, get_splits, join_links, node_counts
from common.data.graphs.module import GraphData
from common.data.graphs.synthetic import make, shape_of

SHAPE = {
    "target": "paper",
    "num_nodes": {"paper": 300, "author": 200, "subject": 20, "term": 90},
    "links": [["paper", "author", 700], ["paper", "subject", 300], ["paper", "term", 900]],
    "features": {
        "paper": {"width": 50, "entries": 2000},
        "author": None,
        "subject": None,
        "term": {"width": 7, "entries": None},
    },
    "num_classes": 3,
    "labelled": 280,
    "splits": {"5": [15, 40, 100]},
    "metapaths": ["paper-author-paper", "paper-subject-paper"],
}


def loaded(shape, rows=None, seed=0, **values):
    # A graph that a recipe reads from a file.
    config = GraphConfig(**{"name": "acm", "top_k": [5, 20]} | values)
    data = GraphData(config, seed=0, read=lambda config, run_seed: make(shape, rows, seed))
    data.load()
    return data


def test_what_is_made_has_the_form_again():
    assert json.loads(json.dumps(shape_of(loaded(SHAPE)))) == SHAPE


@pytest.mark.parametrize("name", ["papers-authors-subjects", "papers-at-scale"])
def test_a_generated_graph_is_replaced_by_one_of_its_form(name):
    values = {"name": name, "num_targets": 3000, "top_k": [10, 10]}
    real = GraphData(GraphConfig(**values), seed=0)
    made = loaded(shape_of(real), **values)
    assert shape_of(made) == shape_of(real)
    assert made.facts == real.facts


def test_content_is_a_function_of_the_seed():
    first, again, other = (loaded(SHAPE, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_a_run_seed_does_not_change_a_given_graph():
    read = make(SHAPE)
    both = [
        GraphData(GraphConfig(top_k=[5, 20]), seed=seed, read=lambda config, seed: read)
        for seed in (0, 1)
    ]
    for data in both:
        data.load()
    assert both[0].fingerprint == both[1].fingerprint


def test_a_smaller_graph_keeps_its_kind():
    graph = loaded(SHAPE, rows=120).graph
    assert node_counts(graph) == {"paper": 120, "author": 80, "subject": 20, "term": 60}
    assert graph["paper"].x.shape == (120, 50)
    assert join_links(graph)["paper", "author"].nnz == 280
    for part in get_splits(graph)[5]:
        assert np.unique(get_labels(graph)[part]).tolist() == [0, 1, 2]


def test_links_tell_of_the_class_and_leave_nobody_out():
    graph = make(SHAPE | {"labelled": 300})
    papers, authors = graph["paper", "author"].edge_index.numpy()
    assert len(np.unique(papers)) == 300
    counts = np.zeros((200, 3))
    np.add.at(counts, (authors, get_labels(graph)[papers]), 1)
    share = counts.max(1).sum() / counts.sum()
    assert 0.55 < share < 0.95


def test_operators_take_torchs_default_type():
    torch.set_default_dtype(torch.float64)
    try:
        batch = loaded(SHAPE).batch
    finally:
        torch.set_default_dtype(torch.float32)
    assert {part.forward.dtype for part in batch.adjacency} == {torch.float64}
    assert {part.forward.dtype for part in loaded(SHAPE).batch.adjacency} == {torch.float32}
