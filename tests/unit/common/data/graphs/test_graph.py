import numpy as np
import pytest

from common.data.graphs.graph import draw_splits, fingerprint, make_links
from common.errors import DataError

NODES = {"paper": 3, "author": 2}


def test_links_count_once():
    links = make_links(np.array([[0, 1], [0, 1], [2, 0]]), ("paper", "author"), NODES, "pa")
    assert links.toarray().tolist() == [[0, 1], [0, 0], [1, 0]]


@pytest.mark.parametrize("pair", [[3, 0], [0, 2], [-1, 0]])
def test_link_to_a_node_that_does_not_exist_names_file_and_row(pair):
    with pytest.raises(DataError, match=r"pa\.csv: row 2 names (paper|author) -?\d"):
        make_links(np.array([[0, 0], pair]), ("paper", "author"), NODES, "pa.csv")


def test_splits_hold_every_class_and_do_not_overlap():
    labels = np.repeat([0, 1, -1], [30, 20, 10])
    split = draw_splits(labels, (5,), 10, 100, seed=0)[5]
    assert np.bincount(labels[split.train]).tolist() == [5, 5]
    everything = np.concatenate(split)
    assert len(np.unique(everything)) == len(everything) == 50


def test_class_with_too_few_labels_is_named():
    labels = np.repeat([0, 1], [30, 4])
    with pytest.raises(DataError, match="class 1 has 4 labelled nodes, the protocol needs 5"):
        draw_splits(labels, (5,), 5, 5, seed=0)


def test_fingerprint_follows_the_contents():
    base = fingerprint({"x": np.arange(3)}, ["a"])
    assert base == fingerprint({"x": np.arange(3)}, ["a"])
    assert base != fingerprint({"x": np.arange(1, 4)}, ["a"])
    assert base != fingerprint({"x": np.arange(3)}, ["b"])
