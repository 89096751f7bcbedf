"""Transformed features and their loss: what the stored values do not show."""

import torch

from common.losses.infonce import queue_info_nce
from common.losses.precision import unit
from papers.feature_transformation import loss as losses
from papers.feature_transformation.loss import (
    product_contrast,
    transform_negatives,
    transform_positives,
)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


Q, K, QUEUE = unit(drawn(6, 4)), unit(drawn(6, 4, seed=1)), unit(drawn(20, 4, seed=2))


def test_mixed_negatives_leave_the_queue_as_it_is():
    mu, order = drawn(20, 4, seed=3).sigmoid(), torch.randperm(20)
    before = QUEUE.clone()
    transform_negatives(QUEUE, mu, order)
    assert torch.equal(QUEUE, before)


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
