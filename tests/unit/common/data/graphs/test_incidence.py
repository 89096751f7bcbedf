import os

import numpy as np
import pytest
import scipy.sparse as sp

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import join_links
from common.data.graphs.metapath_graphs import path_product
from common.data.graphs.prepare import find_equal_rows, hop_incidence
from common.data.graphs.readers.packed import read_packed
from common.errors import DataError


def random_links(seed, shape, share):
    generator = np.random.default_rng(seed)
    return sp.csr_matrix((generator.random(shape) < share).astype(np.float32))


def choose(count, chosen):
    return sp.csr_matrix(np.eye(count, dtype=np.float32)[chosen])


# Each author's paper is of one of four venues and has terms of its own; a venue is in one of two
# cities.
LINKS = {
    ("a", "p"): choose(40, np.arange(20)),
    ("p", "v"): choose(4, np.arange(40) % 4),
    ("p", "t"): random_links(0, (40, 30), 0.2),
    ("v", "c"): choose(2, [0, 1, 1, 0]),
    ("c", "w"): random_links(1, (2, 8), 0.5),
}


def whole(incidence):
    return incidence.rows[incidence.place].toarray()


@pytest.mark.parametrize(
    ("hop", "held"),
    [
        ("a-p", 20),
        ("a-p-v", 20),  # its own rows are not multiplied any more
        ("a-p-v-p", 4),
        ("a-p-v-p-t", 4),
        ("a-p-v-c-w", 2),
        ("a-p-t-p", 20),
        ("v-p-t", 4),
    ],
)
def test_rows_are_those_of_the_whole_product(hop, held):
    hop = tuple(hop.split("-"))
    found = hop_incidence(LINKS, hop)
    expected = path_product(LINKS, list(hop)).toarray() > 0
    np.testing.assert_array_equal(whole(found), expected)
    assert found.rows.shape[0] == held and found.repeats == (held < expected.shape[0])
    assert found.rows.dtype == np.float32


def test_the_whole_product_is_never_formed(monkeypatch):
    made, multiply = [], sp.csr_matrix.__matmul__

    def record(left, right):
        made.append(multiply(left, right))
        return made[-1]

    monkeypatch.setattr(sp.csr_matrix, "__matmul__", record)
    hop_incidence(LINKS, ("a", "p", "v", "p"))
    assert [product.shape for product in made] == [(20, 4), (4, 40)]


def test_links_keep_their_values():
    before = LINKS["a", "p"].copy()
    hop_incidence(LINKS, ("a", "p", "v", "p"))
    assert (LINKS["a", "p"] != before).nnz == 0


def test_equal_rows_are_found_whatever_the_order_of_their_entries():
    indices, indptr = np.array([3, 1, 0, 1, 3, 1, 3]), np.array([0, 2, 3, 5, 5, 7, 7])
    matrix = sp.csr_matrix((np.ones(7), indices, indptr), shape=(6, 4))
    expected = matrix.toarray()
    first, own = find_equal_rows(matrix)
    assert own.tolist() == [0, 1, 0, 2, 0, 2]
    np.testing.assert_array_equal(matrix[first][own].toarray(), expected)


def test_a_hop_that_does_not_chain_is_refused():
    with pytest.raises(DataError, match=r"no links between v and t"):
        hop_incidence(LINKS, ("a", "p", "v", "t"))


@pytest.mark.skipif("LIKEWISE_DATA" not in os.environ, reason="LIKEWISE_DATA is not set")
def test_real_dblp_needs_a_fifth_of_the_rows_over_conferences():
    links = join_links(read_packed(GraphConfig(name="dblp"), 0))
    found = hop_incidence(links, ("author", "paper", "conference", "paper"))
    assert found.rows.shape == (778, 14328)
    assert found.rows.getnnz(axis=1)[found.place].sum() == 10_165_000
    assert hop_incidence(links, ("author", "paper", "term", "paper")).rows.nnz == 13_414_703
