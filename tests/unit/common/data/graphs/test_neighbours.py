import numpy as np
import pytest
import scipy.sparse as sp
import torch

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import get_labels, join_links, node_counts
from common.data.graphs.module import GraphData
from common.data.graphs.neighbours import draw_neighbours, relabel, uniform
from common.data.sampler import BatchKey
from common.errors import ConfigError
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW

EVERYTHING = 10**6


def random_matrix(seed=0, shape=(6, 40)):
    generator = np.random.default_rng(seed)
    return sp.csr_matrix(generator.random(shape) * (generator.random(shape) < 0.5))


def make(**changes):
    data = GraphData(GraphConfig(**{"batch_size": 64} | changes), seed=0)
    data.load()
    return data


def key(rows, batch=0, size=None):
    rows = torch.as_tensor(rows)
    return BatchKey(rows, 0, batch, 0, size or len(rows))


@pytest.fixture(scope="module")
def data():
    return make()


def test_short_rows_are_whole_and_long_ones_are_right_on_average():
    matrix, rows = random_matrix(), np.array([4, 0])
    assert (draw_neighbours(matrix, rows, 100, 0) != matrix[rows]).nnz == 0
    drawn = [draw_neighbours(matrix, rows, 3, salt) for salt in range(4000)]
    assert all((part.getnnz(axis=1) <= 3).all() for part in drawn)
    mean = np.mean([part.toarray() for part in drawn], 0)
    np.testing.assert_allclose(mean, matrix[rows].toarray(), atol=0.3)


def test_rows_held_elsewhere_are_drawn_by_their_own_numbers():
    matrix, rows = random_matrix(), np.array([1, 2, 5])
    place = np.array([4, 0, 5, 2, 1, 3])  # where each row is to stand
    moved = matrix[np.argsort(place)]
    expected = draw_neighbours(matrix, rows, 3, 9)
    assert (draw_neighbours(moved, rows, 3, 9, place[rows]) != expected).nnz == 0


def test_draws_belong_to_a_row_and_not_to_who_asks():
    matrix = random_matrix()
    together = draw_neighbours(matrix, np.array([1, 2, 5]), 3, 9).toarray()
    alone = draw_neighbours(matrix, np.array([5]), 3, 9).toarray()
    assert np.array_equal(together[2], alone[0])
    assert not np.array_equal(draw_neighbours(matrix, np.array([5]), 3, 10).toarray(), alone)


def test_uniform_numbers_are_even_and_unrelated():
    rows, slots = np.divmod(np.arange(100_000), 4)
    x = uniform(rows, slots, 3)
    counts = np.histogram(x, bins=20, range=(0, 1))[0]
    assert abs(counts - 5000).max() < 300
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.02


def test_relabelling_keeps_the_entries():
    matrices = [random_matrix(1), random_matrix(2)]
    matrices = [sp.csr_matrix(m.multiply(np.arange(40) % 3 == 0)) for m in matrices]
    for matrix in matrices:
        matrix.eliminate_zeros()
    nodes, small = relabel(matrices)
    assert (nodes % 3 == 0).all() and (np.diff(nodes) > 0).all()
    for matrix, renamed in zip(matrices, small, strict=True):
        np.testing.assert_array_equal(renamed.toarray(), matrix.toarray()[:, nodes])
    assert relabel([sp.csr_matrix((3, 5))])[0].tolist() == [0]


def test_all_neighbours_of_all_nodes_are_the_whole_graph():
    data = make(batch_size=800, fanouts=[EVERYTHING] * 2, context_fanout=EVERYTHING)
    torch.manual_seed(0)
    module = MEOW(MEOWConfig(num_clusters=[5], dim=8), None, data.facts).eval()
    rows = torch.randperm(800, generator=torch.Generator().manual_seed(0))
    batch = data.sampled_batches()[key(rows)]
    assert batch.sampled and not data.batch.sampled
    torch.testing.assert_close(module.embed(batch), module.embed(data.batch)[rows])
    inputs = [module.encoder.view_inputs(b) for b in (batch, data.batch)]
    coarse = module.encoder.coarse(inputs[0], batch)
    torch.testing.assert_close(coarse, module.encoder.coarse(inputs[1], data.batch)[rows])


def test_contexts_of_a_long_path_are_the_whole_graph_s():
    paths = ["paper-subject-author-subject-paper"]
    lists = {"metapaths": paths, "top_k": [5], "edge_mask": [0.1]}
    graph = make().graph
    links = join_links(graph)
    between = links["paper", "subject"].T @ links["paper", "author"]
    graph["subject", "author"].edge_index = torch.from_numpy(np.stack(between.nonzero()))
    sampling = {"batch_size": 800, "fanouts": [EVERYTHING] * 2, "context_fanout": EVERYTHING}
    data = GraphData(GraphConfig(**sampling | lists), seed=0, read=lambda *_: graph)
    batches, rows = data.sampled_batches(), torch.randperm(800)
    assert [hop.repeats for hop in batches.incidences] == [False, True, True]
    torch.manual_seed(0)
    module = MEOW(MEOWConfig(num_clusters=[5], dim=8), None, data.facts).eval()
    found = module.embed(batches[key(rows)])
    torch.testing.assert_close(found, module.embed(data.batch)[rows])


def test_a_batch_is_a_function_of_its_key(data):
    batches, rows = data.sampled_batches(), torch.arange(40)
    first, again, other = (batches[key(rows, batch)] for batch in (0, 0, 1))
    dense = [batch.seed_adjacency[0].forward.to_dense() for batch in (first, again, other)]
    assert torch.equal(dense[0], dense[1])
    assert dense[0].shape != dense[2].shape or not torch.equal(dense[0], dense[2])


@pytest.mark.parametrize("method", [{}, {"weights": "uniform"}, {"model": "adameow"}], ids=str)
def test_it_trains_on_the_loader_s_batches(data, method):
    torch.manual_seed(0)
    method = {"num_clusters": [3, 9], "dim": 16, "prototype_weight": 0.1} | method
    module = MEOW(MEOWConfig(**method), None, data.facts)
    module.log = lambda *args, **kwargs: None
    optimizer, losses = module.configure_optimizers(), []
    for _ in range(2):
        loader = data.train_dataloader()
        assert len(loader) == 800 // 64
        for batch in loader:
            optimizer.zero_grad()
            loss = module.training_step(batch, 0)
            loss.backward()
            assert all(p.grad is not None for p in module.parameters())
            optimizer.step()
            losses.append(loss.item())
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_more_clusters_than_nodes_of_a_batch_are_refused(data):
    with pytest.raises(ConfigError, match="a batch has 64 target nodes"):
        MEOW(MEOWConfig(num_clusters=[20, 64]), None, data.facts)


def test_what_sampling_cannot_do(data):
    with pytest.raises(ConfigError, match=r"data.fanouts=\[5\]"):
        make(fanouts=[5])
    paths = ["paper-author-paper-author-paper"]
    over = make(metapaths=paths, top_k=[5], edge_mask=[0.1])
    with pytest.raises(ConfigError, match="passes the target type"):
        over.sampled_batches()


def test_generated_graph_grows_in_proportion():
    small, large = (make(name="papers-at-scale", num_targets=n).graph for n in (3000, 6000))
    assert node_counts(large) == {"paper": 6000, "author": 3000, "subject": 200}
    links, few = join_links(large), join_links(small)
    for ends in few:
        assert links[ends].nnz == pytest.approx(2 * few[ends].nnz, rel=0.05)
    assert np.bincount(get_labels(large)).tolist() == [2000] * 3
    subjects = links["paper", "subject"].indices % 3
    assert (subjects == get_labels(large)).mean() == pytest.approx(0.75 + 0.25 / 3, abs=0.02)
