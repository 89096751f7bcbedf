"""The hard contrastive loss against loops and its limits."""

import pytest
import torch

from common.losses.infonce import queue_info_nce
from common.losses.precision import unit
from papers.hard_contrastive import loss as losses
from papers.hard_contrastive.loss import (
    contrast_hardest,
    named_loss,
    relative_penalty,
    softmax_loss,
)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


Q, K, QUEUE = drawn(6, 4), unit(drawn(6, 4, seed=1)), unit(drawn(20, 4, seed=2))


def test_each_anchor_has_nearest_negatives_of_its_own():
    loss = contrast_hardest(Q, K, QUEUE, 3, named_loss("softmax", 0.5))
    expected = []
    for q, k in zip(unit(Q), K, strict=True):
        kept = sorted((float(q @ n) for n in QUEUE), reverse=True)[:3]
        scores = torch.tensor([float(q @ k), *kept]).double() / 0.5
        expected.append(float(scores.logsumexp(0) - scores[0]))
    assert float(loss) == pytest.approx(sum(expected) / 6)


def test_the_simple_loss_is_the_mean_of_negatives_less_the_positive():
    loss = contrast_hardest(Q, K, QUEUE, 20, named_loss("simple", 0.5))
    scores = unit(Q) @ QUEUE.T
    torch.testing.assert_close(loss, (scores.mean(1) - (unit(Q) * K).sum(1)).mean())


def test_all_negatives_are_the_plain_loss():
    found = contrast_hardest(Q, K, QUEUE, 20, named_loss("softmax", 0.2))
    torch.testing.assert_close(found, queue_info_nce(Q, K, QUEUE, 0.2))


def test_equal_negatives_do_not_raise_how_many_are_kept():
    kept = []
    queue = torch.cat([unit(Q[:1]).repeat(4, 1), -unit(Q[:1])])
    contrast_hardest(Q[:1], K[:1], queue, 2, lambda p, n: kept.append(n) or n.sum(1))
    torch.testing.assert_close(kept, [torch.ones(1, 2).double()])


def test_chunks_do_not_change_the_loss(monkeypatch):
    whole = contrast_hardest(Q, K, QUEUE, 3, named_loss("softmax", 0.5))
    monkeypatch.setattr(losses, "CHUNK_ROWS", 4)
    torch.testing.assert_close(contrast_hardest(Q, K, QUEUE, 3, named_loss("softmax", 0.5)), whole)


def test_a_larger_temperature_shares_the_push_more_evenly():
    penalties = [relative_penalty(drawn(5, 9), t) for t in (0.07, 0.3, 1.0)]
    entropies = [float(torch.special.entr(p).sum(1).mean()) for p in penalties]
    assert entropies == sorted(entropies)
    for penalty in penalties:
        torch.testing.assert_close(penalty.sum(1), torch.ones(5).double())


def test_the_pull_equals_the_sum_of_the_pushes():
    positive, negatives = drawn(5).requires_grad_(), drawn(5, 9, seed=1).requires_grad_()
    softmax_loss(positive, negatives, 0.2).sum().backward()
    torch.testing.assert_close(-positive.grad, negatives.grad.sum(1))


def test_a_tiny_temperature_stays_finite_in_float32():
    loss = softmax_loss(torch.tensor([-0.9]), torch.tensor([[0.9, 0.1]]), 1e-3)
    assert float(1e-3 * loss) == pytest.approx(1.8, rel=1e-5)
