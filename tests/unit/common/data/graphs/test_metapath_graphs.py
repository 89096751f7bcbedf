import numpy as np
import pytest
import scipy.sparse as sp

from common.data.graphs import metapath_graphs
from common.data.graphs.metapath_graphs import (
    count_neighbours,
    halves,
    keep_nearest,
    mask_edges,
    mask_entries,
    nearest_graph,
    normalise_adjacency,
    path_product,
    pathsim,
    row_mean,
)
from common.errors import DataError


def csr(rows):
    return sp.csr_matrix(np.array(rows, dtype=float))


LINKS = {("p", "a"): csr([[1, 1, 0], [0, 1, 0], [0, 0, 1]]), ("p", "s"): csr([[1], [1], [1]])}


def test_path_counts_go_through_links_in_both_directions():
    counts = path_product(LINKS, ["p", "a", "p"]).toarray()
    assert counts.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_path_that_does_not_chain_names_the_gap_and_the_links():
    with pytest.raises(DataError, match=r"p-a-s-p does not chain: no links between a and s.*p-a"):
        path_product(LINKS, ["p", "a", "s", "p"])


def dense_pathsim(counts):
    own = counts.diagonal()
    return 2 * counts / np.maximum(own[:, None] + own, 1)


def test_pathsim_by_hand_of_all_rows_and_of_the_last_ones():
    counts = path_product(LINKS, ["p", "a", "p"]).sorted_indices()
    similarity = [1, 2 * 1 / (2 + 1), 2 * 1 / (2 + 1), 1, 1]
    np.testing.assert_allclose(pathsim(counts, counts.diagonal()), similarity)
    np.testing.assert_allclose(pathsim(counts[1:], counts.diagonal(), 1), similarity[2:])


def test_without_a_path_back_to_either_node_the_similarity_is_zero(recwarn):
    counts = csr([[0, 3, 1], [3, 0, 0], [1, 0, 2]])
    assert pathsim(counts, counts.diagonal()).tolist() == [0, 1, 0, 1, 1]
    assert keep_nearest(counts, 1).toarray().tolist() == [[0, 0, 1], [3, 0, 0], [0, 0, 2]]
    assert not recwarn.list


def test_the_similarity_that_the_reference_values_prove_is_the_one_that_chooses(monkeypatch):
    monkeypatch.setattr(metapath_graphs, "pathsim", lambda *rows: -pathsim(*rows))
    counts = csr([[4, 1, 0], [1, 4, 3], [0, 3, 4]])
    assert (keep_nearest(counts, 1).toarray() == [[0, 1, 0], [1, 0, 0], [0, 3, 0]]).all()


@pytest.mark.parametrize("ties", ["last", "numpy"])
def test_keeps_the_counts_of_the_k_most_similar(ties):
    generator = np.random.default_rng(0)
    incidence = sp.csr_matrix((generator.random((30, 12)) < 0.3).astype(float))
    counts = sp.csr_matrix(incidence @ incidence.T)
    similarity = dense_pathsim(counts.toarray())
    kept = keep_nearest(counts, 4, ties).toarray()
    assert ((kept == 0) | (kept == counts.toarray())).all()
    for row in range(30):
        best = np.sort(similarity[row])[::-1][:4]
        np.testing.assert_allclose(np.sort(similarity[row][kept[row] > 0])[::-1], best[best > 0])


def test_ties_stay_where_the_rule_says():
    everyone = sp.csr_matrix(np.ones((5, 5)))
    assert (keep_nearest(everyone, 2, "last").toarray() == [0, 0, 0, 1, 1]).all()


def test_numpys_order_is_asked_only_where_it_decides(monkeypatch):
    asked, argsort = [], np.argsort
    monkeypatch.setattr(np, "argsort", lambda row: asked.append(row) or argsort(row))
    counts = csr([[1, 0, 0, 0, 0], [0, 0, 3, 0, 0], [0, 3, 0, 0, 0], *2 * [[1, 0, 0, 1, 1]]])
    # Nodes 1 and 2 have no path back to themselves, so that zeros tie with their one neighbour.
    similarity = np.array([[1, 0, 0, 0, 0], *2 * [[0] * 5], *2 * [[1, 0, 0, 1, 1]]], dtype=float)
    kept = keep_nearest(counts, 2, "numpy").toarray()
    for row in range(5):
        best = np.isin(range(5), argsort(similarity[row])[::-1][:2])
        assert (kept[row] == counts.toarray()[row] * best).all()
    assert [row.tolist() for row in asked] == similarity[1:].tolist()


def test_node_without_neighbours_is_an_empty_row():
    counts = csr([[2, 1, 0], [1, 1, 0], [0, 0, 0]])
    kept = keep_nearest(counts, 2)
    assert kept.toarray()[2].tolist() == [0, 0, 0]
    assert np.isfinite(normalise_adjacency(kept).toarray()).all()


def test_normalisation_transposes():
    adjacency = csr([[1, 3], [0, 2]])
    expected = np.diag([0.5, 2**-0.5]) @ adjacency.toarray().T @ np.diag([0.5, 2**-0.5])
    np.testing.assert_allclose(normalise_adjacency(adjacency).toarray(), expected)


def test_edge_mask_drops_the_share_and_loses_counts():
    generator = np.random.default_rng(0)
    counts = sp.csr_matrix(generator.integers(0, 4, (20, 20)))
    edges = (counts.toarray() * (1 - np.eye(20)) > 0).sum()
    masked = mask_edges(counts, 0.3, generator).toarray()
    assert (np.diag(masked) == 1).all()
    off = masked * (1 - np.eye(20))
    assert off.max() == 1 and off.sum() == edges - int(0.3 * edges)
    assert (counts.toarray()[off > 0] > 0).all()


def test_feature_mask_drops_the_share_of_entries():
    features = csr([[1, 2, 0], [3, 4, 5]])
    masked = mask_entries(features, 0.5, np.random.default_rng(0))
    assert masked.nnz == 3 and features.nnz == 5


def test_row_mean_of_an_empty_row_is_zero():
    assert row_mean(csr([[0, 0], [1, 1]])).toarray().tolist() == [[0, 0], [0.5, 0.5]]


@pytest.mark.parametrize(("kind", "mean"), [("f4", "f4"), ("f8", "f8"), ("i8", "f8")])
def test_row_mean_is_as_wide_as_its_entries(kind, mean):
    # A large product takes twice the memory in float64.
    assert row_mean(csr([[0, 0], [1, 1]]).astype(kind)).dtype == mean


@pytest.mark.parametrize("ones", [False, True])
@pytest.mark.parametrize("ties", ["last", "numpy"])
@pytest.mark.parametrize("entries", [1, 50, 10**6])
def test_blocks_of_rows_keep_what_the_whole_product_keeps(monkeypatch, ties, entries, ones):
    monkeypatch.setattr(metapath_graphs, "ENTRIES_AT_A_TIME", entries)
    generator = np.random.default_rng(1)
    links = {
        ("p", "a"): sp.csr_matrix((generator.random((25, 12)) < 0.2).astype(float)),
        ("a", "t"): sp.csr_matrix((generator.random((12, 6)) < 0.4).astype(float)),
    }
    path = ["p", "a", "t", "a", "p"]
    counts = path_product(links, path)
    if ones:
        counts.data[:] = 1
    expected = keep_nearest(counts, 4, ties)
    found = nearest_graph(*halves(links, path), 4, ties, ones)
    assert (found != expected).nnz == 0 and found.nnz == expected.nnz


def test_neighbours_are_counted_without_the_product():
    own, others = count_neighbours(*halves(LINKS, ["p", "a", "p"]))
    assert own.tolist() == [2, 1, 1] and others.tolist() == [1, 1, 0]
