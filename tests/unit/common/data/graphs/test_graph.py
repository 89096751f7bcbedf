import numpy as np
import pytest
import torch

from common.data.graphs.graph import (
    check_splits,
    graph_fingerprint,
    join_links,
    make_edges,
    make_graph,
    two_step_paths,
)
from common.data.graphs.splits import NodeSplit
from common.errors import DataError

NODES = {"paper": 3, "author": 2}


def make(edges, target="paper", splits=()):
    given = {ends: torch.tensor(pairs).T for ends, pairs in edges.items()}
    return make_graph(target, NODES, given, {}, np.array([0, 1, 0]), dict(splits), ["none"])


def test_edges_count_once_and_without_direction():
    graph = make({("paper", "author"): [[0, 1], [0, 1]], ("author", "wrote", "paper"): [[0, 2]]})
    (links,) = join_links(graph).values()
    assert links.toarray().tolist() == [[0, 1], [0, 0], [1, 0]]


def test_two_step_paths_lead_over_each_type_that_is_linked_with_the_target():
    edges = {("author", "paper"): [[0, 1]], ("paper", "cites", "paper"): [[0, 1]]}
    edges |= {("paper", "by", "author"): [[0, 1]], ("author", "knows", "author"): [[0, 1]]}
    assert two_step_paths(make(edges)) == ["paper-author-paper", "paper-paper-paper"]
    assert two_step_paths(make(edges, "author")) == ["author-paper-author", "author-author-author"]


@pytest.mark.parametrize("pair", [[3, 0], [0, 2], [-1, 0]])
def test_link_to_a_node_that_does_not_exist_names_file_and_row(pair):
    with pytest.raises(DataError, match=r"pa\.csv: row 2 names (paper|author) -?\d"):
        make_edges(np.array([[0, 0], pair]), ("paper", "author"), NODES, "pa.csv")


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_part_without_a_class_is_refused_before_training(part):
    labels = np.array([0, 1] * 3)
    parts = {"train": [0, 1], "val": [2, 3], "test": [4, 5]}
    parts[part] = parts[part][:1]
    split = NodeSplit(*(np.array(ids) for ids in parts.values()))
    graph = make_graph("a", {"a": 6}, {}, {}, labels, {1: split}, ["a-a-a"])
    with pytest.raises(DataError, match=f"g: {part}_1 holds no node of class 1"):
        check_splits(graph, "g")


def test_fingerprint_follows_the_contents():
    def fingerprint(first: int, path: str) -> str:
        x, labels = np.arange(first, first + 3.0)[:, None], np.array([0, 1, 0])
        return graph_fingerprint(
            make_graph("a", {"a": 3}, {}, {"a": x}, labels, {}, [path]), [path]
        )

    base = fingerprint(0, "a-a-a")
    assert base == fingerprint(0, "a-a-a")
    assert base != fingerprint(1, "a-a-a")
    assert base != fingerprint(0, "a-b-a")
