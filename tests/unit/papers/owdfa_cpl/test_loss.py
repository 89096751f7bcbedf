"""The losses against their equations written out, their limits, and two processes."""

import math

import pytest
import torch

from papers.owdfa_cpl.loss import (
    confidence_weighted,
    gumbel,
    hard_pseudo_label,
    margin_cross_entropy,
    mean_entropy,
    pair_consistency,
    soft_labels,
)

CLASSES = 5


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_margin_raises_the_true_logit():
    logits, labels = draw(4, CLASSES), torch.tensor([0, 2, 2, 4])
    eased = torch.stack([logits[i, y] + 0.2 for i, y in enumerate(labels)])
    others = logits.exp().sum(1) - logits.gather(1, labels[:, None])[:, 0].exp()
    expected = -(eased - (others + eased.exp()).log()).mean()
    torch.testing.assert_close(margin_cross_entropy(logits, labels, 0.2), expected)
    plain = margin_cross_entropy(logits, labels, 0.0)
    assert margin_cross_entropy(logits, labels, 0.2) < plain
    assert margin_cross_entropy(logits, labels, -0.2) > plain


def test_pairs_cost_the_logarithm_of_their_agreement():
    logits, partners = draw(4, CLASSES), torch.tensor([1, 0, 2, 0])
    p = logits.softmax(1)
    expected = torch.stack([-(p[i] @ p[j]).log() for i, j in enumerate(partners)]).mean()
    torch.testing.assert_close(pair_consistency(logits, partners), expected)


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


def test_the_mean_of_pseudo_labels_is_over_all_rows_and_weights_carry_gradient():
    logits = draw(6, CLASSES).requires_grad_()
    soft = soft_labels(logits, gumbel((6, CLASSES), torch.Generator().manual_seed(1), logits))
    assert not soft.requires_grad
    trusted = torch.tensor([1, 0, 0, 1, 0, 0]).bool()
    loss, weight = confidence_weighted(logits, soft, trusted)
    p = logits.softmax(1)
    rows = [p[i, soft[i].argmax()] * -(soft[i] * p[i].log()).sum() for i in (0, 3)]
    expected = sum(rows) / 6
    torch.testing.assert_close(loss, expected)
    mine = torch.autograd.grad(loss, logits, retain_graph=True)[0]
    torch.testing.assert_close(mine, torch.autograd.grad(expected, logits)[0])
    torch.testing.assert_close(weight[0], p[0, soft[0].argmax()])


def test_hard_labels_count_where_the_mask_says():
    logits, mask = draw(3, CLASSES), torch.tensor([True, False, True])
    costs = -logits.log_softmax(1).amax(1)
    torch.testing.assert_close(hard_pseudo_label(logits, mask), (costs[0] + costs[2]) / 3)


def test_noise_is_gumbels():
    noise = gumbel(
        (200, 200), torch.Generator().manual_seed(0), torch.zeros((), dtype=torch.double)
    )
    assert noise.mean() == pytest.approx(0.5772, abs=0.02)
    assert noise.var() == pytest.approx(math.pi**2 / 6, rel=0.03)
