"""The identities of the transformed features, and the loss on raw products."""

import pytest
import torch

from common.losses.infonce import queue_info_nce
from common.losses.precision import unit
from papers.feature_transformation import loss as losses
from papers.feature_transformation.loss import (
    product_contrast,
    score_statistics,
    transform_negatives,
    transform_positives,
)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


Q, K, QUEUE = unit(drawn(6, 4)), unit(drawn(6, 4, seed=1)), unit(drawn(20, 4, seed=2))


@pytest.mark.parametrize("lam", [torch.tensor(1.4), 1 + drawn(6, 1, seed=3).sigmoid()])
def test_extrapolated_positives_are_farther_apart_and_longer_and_keep_their_sum(lam):
    q, k = transform_positives(Q, K, lam)
    torch.testing.assert_close(q + k, Q + K)
    s, lam = (Q * K).sum(1), lam.reshape(-1)
    gap = 2 * lam * (lam - 1) * (1 - s)
    torch.testing.assert_close((q * k).sum(1), s - gap)
    torch.testing.assert_close(q.square().sum(1), 1 + gap)


def test_interpolated_positives_are_nearer():
    q, k = transform_positives(Q, K, torch.tensor(0.3))
    assert bool(((q * k).sum(1) > (Q * K).sum(1)).all())


def test_mixed_negatives_are_new_tensors_from_two_rows_each():
    mu, order = drawn(20, 4, seed=3).sigmoid(), torch.randperm(20)
    before = QUEUE.clone()
    found = transform_negatives(QUEUE, mu, order)
    assert torch.equal(QUEUE, before)
    row = mu[5] * QUEUE[5] + (1 - mu[5]) * QUEUE[order[5]]
    torch.testing.assert_close(found[5], row)


def test_on_unit_features_it_is_mocos_loss():
    torch.testing.assert_close(product_contrast(Q, K, QUEUE, 0.2), queue_info_nce(Q, K, QUEUE, 0.2))


def test_the_key_carries_gradient_to_the_query_too():
    q = Q.clone().requires_grad_()
    product_contrast(*transform_positives(q, K, torch.tensor(1.5)), QUEUE, 0.2).backward()
    cut = Q.clone().requires_grad_()
    first, second = transform_positives(cut, K, torch.tensor(1.5))
    product_contrast(first, second.detach(), QUEUE, 0.2).backward()
    assert float((q.grad - cut.grad).abs().max()) > 0.1


def test_chunks_do_not_change_loss_or_gradient(monkeypatch):
    def gradient():
        q = Q.clone().requires_grad_()
        loss = product_contrast(*transform_positives(q, K, torch.tensor(1.5)), QUEUE, 0.2)
        return loss, torch.autograd.grad(loss, q)[0]

    whole = gradient()
    monkeypatch.setattr(losses, "CHUNK_ROWS", 4)
    torch.testing.assert_close(gradient(), whole)


def test_the_statistics_are_of_scores_before_the_temperature():
    positive, negatives = drawn(3), drawn(3, 5, seed=1)
    found = score_statistics(positive, negatives, 0.5)
    row = negatives[1]
    expected = [row.mean(), row.var(), positive[1], (2 * row).exp().mean(), (2 * positive[1]).exp()]
    torch.testing.assert_close(found[1], torch.stack(expected))
