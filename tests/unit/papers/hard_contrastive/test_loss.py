"""The limits of the hard contrastive loss."""

import pytest
import torch

from common.losses.precision import unit
from papers.hard_contrastive.loss import (
    contrast_hardest,
    relative_penalty,
    softmax_loss,
)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


Q, K = drawn(6, 4), unit(drawn(6, 4, seed=1))


def test_equal_negatives_do_not_raise_how_many_are_kept():
    kept = []
    queue = torch.cat([unit(Q[:1]).repeat(4, 1), -unit(Q[:1])])
    contrast_hardest(Q[:1], K[:1], queue, 2, lambda p, n: kept.append(n) or n.sum(1))
    torch.testing.assert_close(kept, [torch.ones(1, 2).double()])


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
