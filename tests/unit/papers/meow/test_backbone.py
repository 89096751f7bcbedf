import numpy as np
import pytest
import torch

from common.data.graphs.operators import make_operator
from papers.meow.backbone import MeanOperator, NodeProjection, SemanticAttention, WholeGraphGCN


def test_output_is_normalised_over_the_whole_matrix_not_by_row():
    gcn = WholeGraphGCN(4, 5, 3)
    out = gcn(torch.randn(20, 4), torch.eye(20))
    assert out.mean().item() == pytest.approx(0, abs=1e-5)
    assert out.var(correction=0).item() == pytest.approx(1, abs=1e-2)
    assert out.mean(1).abs().max() > 0.1, "each node's own row would have mean 0"


def test_one_node_moves_all_others():
    gcn, adjacency = WholeGraphGCN(4, 5, 3), torch.eye(6)
    x = torch.randn(6, 4)
    moved = x.clone()
    moved[0] *= 5
    assert ((gcn(x, adjacency) - gcn(moved, adjacency))[1:].abs() > 1e-6).any()


def test_attention_weighs_views_not_nodes():
    attention = SemanticAttention(4)
    views = torch.randn(3, 10, 4)
    beta = attention.weights(views)
    assert beta.shape == (3,) and beta.sum().item() == pytest.approx(1)
    torch.testing.assert_close(
        attention(views), sum(b * v for b, v in zip(beta, views, strict=True))
    )


def test_projection_without_features_is_that_of_the_identity():
    projection = NodeProjection(6, 4)
    torch.testing.assert_close(projection(None), projection(torch.eye(6)))


def test_a_mean_of_operators_is_the_operator_of_the_mean():
    first, second = (random_matrix(density) for density in (0.1, 0.9))
    mean = MeanOperator((make_operator(first), make_operator(second)))
    x = torch.randn(5, 3)
    torch.testing.assert_close(mean @ x, torch.from_numpy((first + second) / 2).float() @ x)


def random_matrix(density):
    generator = np.random.default_rng(0)
    return generator.random((7, 5)) * (generator.random((7, 5)) < density)
