import pytest
import torch

from common.backbones.hetero_gcn import NodeProjection, SemanticAttention, WholeGraphGCN


def test_output_is_normalised_over_the_whole_matrix_not_by_row():
    gcn = WholeGraphGCN(4, 5, 3)
    out = gcn(torch.randn(20, 4), torch.rand(20, 20))
    assert out.mean().item() == pytest.approx(0, abs=1e-5)
    assert out.var(correction=0).item() == pytest.approx(1, abs=1e-2)
    assert out.mean(1).abs().max() > 0.1


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
