"""The limits of the losses."""

import math

import pytest
import torch

from papers.owdfa_cpl.loss import (
    gumbel,
    mean_entropy,
    pair_consistency,
)

CLASSES = 5


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_both_rows_of_a_pair_carry_gradient():
    logits = draw(2, CLASSES).requires_grad_()
    pair_consistency(logits[:1].expand(1, -1), torch.tensor([0])).backward()
    assert logits.grad[0].abs().sum() > 0, "a row paired with itself is sharpened"
    logits.grad = None
    p = logits.log_softmax(1)
    torch.autograd.grad(-(p[0] + p[1]).logsumexp(0), logits)
    pair_consistency(logits, torch.tensor([1, 1])).backward()
    assert (logits.grad.abs().sum(1) > 0).all()


def test_pairs_that_exclude_each_other_cost_a_hundred_and_give_finite_gradients():
    logits = torch.tensor([[4e4, 0.0], [0.0, 4e4]], dtype=torch.float64, requires_grad=True)
    loss = pair_consistency(logits, torch.tensor([1, 0]))
    loss.backward()
    assert loss.item() == 100 and logits.grad.isfinite().all()


def test_a_head_that_nobody_uses_leaves_the_entropy_finite():
    logits = torch.tensor([[0.0, 0.0, -1e5]] * 3, dtype=torch.float64, requires_grad=True)
    spread = mean_entropy(logits)
    spread.backward()
    assert spread.item() == pytest.approx(math.log(2), abs=1e-6)
    assert logits.grad.isfinite().all()


def test_the_entropy_is_largest_for_even_use():
    even = torch.eye(CLASSES, dtype=torch.float64) * 50
    assert mean_entropy(even).item() == pytest.approx(math.log(CLASSES))
    assert mean_entropy(even[:1]).item() == pytest.approx(0, abs=1e-6)


def test_noise_is_gumbels():
    noise = gumbel(
        (200, 200), torch.Generator().manual_seed(0), torch.zeros((), dtype=torch.double)
    )
    assert noise.mean() == pytest.approx(0.5772, abs=0.02)
    assert noise.var() == pytest.approx(math.pi**2 / 6, rel=0.03)
