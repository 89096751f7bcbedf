"""AMCL's losses against loops over pairs, and under several processes."""

import math

import pytest
import torch
import torch.nn.functional as F

from common.losses.infonce import nt_xent
from papers.amcl import loss as module
from papers.amcl.loss import Rule, attract, contrast_queue, contrast_views, decorrelate
from papers.amcl.temperature import NoNetwork, TemperatureNetwork, omega

BATCH, HEADS, DIM, LENGTH = 6, 2, 5, 9


def make(count=1, seed=0, shape=(BATCH, HEADS, DIM), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=dtype) for _ in range(count)]


def make_phi(dim=DIM, scale=1.0):
    torch.manual_seed(3)
    return TemperatureNetwork(dim, 4, scale).double()


def make_queue():
    return F.normalize(make(1, 7, (HEADS, LENGTH, DIM))[0], dim=2)


def one_anchor(a, partner, negatives, phi, rule):
    """Section 3.5's formula for one anchor of one head, pair by pair."""
    a, partner = F.normalize(a, dim=0), F.normalize(partner, dim=0)

    def tau(other):
        spread = rule.high - rule.low
        return rule.low + spread / (1 + (phi(a) @ phi(other)).exp())

    if rule.with_positive:
        negatives = [*negatives, partner]
    pairs = [(a @ n, tau(n)) for n in (F.normalize(n, dim=0) for n in negatives)]
    pairs.sort(key=lambda pair: -pair[0].item())
    nearest = pairs[: rule.top_k]
    if rule.log_sum_exp:
        push = torch.stack([s / t for s, t in pairs]).exp().sum().log()
    else:
        push = torch.stack([s / t for s, t in nearest]).mean()
    dim = rule.negative_dim or len(a)
    regulariser = sum(dim / 2 * t.log() + 1 / t for _, t in nearest)
    t = tau(partner)
    return -(a @ partner) / t + push + rule.beta * (omega(t, len(a)) - regulariser)


def views_by_loops(z1, z2, phi, rule):
    total = 0.0
    for head in range(z1.shape[1]):
        for own, other in ((z1[:, head], z2[:, head]), (z2[:, head], z1[:, head])):
            for i in range(len(own)):
                rest = [j for j in range(len(own)) if j != i]
                negatives = [view[j] for view in (own, other) for j in rest]
                value = one_anchor(own[i], other[i], negatives, phi, rule)
                total = total + value / (2 * len(own))
    return total


RULES = [
    Rule(low=0.1),
    Rule(low=0.1, beta=0.05, top_k=3),
    Rule(low=0.1, beta=0.05, top_k=1, negative_dim=None),
    Rule(low=0.1, beta=0.05, top_k=2, log_sum_exp=True),
    Rule(low=0.1, beta=0.05, top_k=4, with_positive=True),
    Rule(low=0.1, beta=0.05, top_k=1, with_positive=True, log_sum_exp=True),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("chunk", [5, 512])
def test_views_are_the_sum_over_pairs(monkeypatch, rule, chunk):
    monkeypatch.setattr(module, "CHUNK_ROWS", chunk)
    phi = make_phi()
    ours, theirs = make(2), make(2)
    for z in (*ours, *theirs):
        z.requires_grad_()
    loss, expected = contrast_views(*ours, phi, rule).loss, views_by_loops(*theirs, phi, rule)
    torch.testing.assert_close(loss, expected, rtol=1e-11, atol=1e-12)
    wanted = [*ours, *phi.parameters()], [*theirs, *phi.parameters()]
    for mine, other in zip(
        torch.autograd.grad(loss, wanted[0]),
        torch.autograd.grad(expected, wanted[1]),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12)


def test_the_queue_may_be_written_between_loss_and_gradient():
    phi, (q, k) = make_phi(), make(2)
    k.requires_grad_()
    gradients = []
    for overwritten in (False, True):
        queue, leaf = make_queue(), q.clone().requires_grad_()
        loss = contrast_queue(leaf, k, queue, phi, RULES[1]).loss
        if overwritten:
            queue.zero_()
        gradients.append(torch.autograd.grad(loss, [leaf, *phi.parameters()]))
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    assert k.grad is None


def test_simsiam_pulls_predictions_to_targets_that_get_no_gradient():
    p1, z1, p2, z2 = (x.requires_grad_() for x in make(4))
    found = attract(p1, z1, p2, z2, make_phi(), Rule(low=0.1, beta=0.05))
    found.loss.backward()
    assert z1.grad is None and z2.grad is None and p1.grad.any()
    assert found.taus.shape == (HEADS, 1, 2 * BATCH), "there are no negatives"


def test_a_shared_target_is_each_heads_target():
    phi, (p1, z1, p2, z2) = make_phi(), make(4)
    shared = attract(p1, z1[:, :1], p2, z2[:, :1], phi, RULES[1]).loss
    each = attract(p1, z1[:, [0, 0]], p2, z2[:, [0, 0]], phi, RULES[1]).loss
    torch.testing.assert_close(shared, each)


def test_barlows_loss_is_that_of_its_terms():
    rule = Rule(low=0.1, beta=0.05, off_diagonal_weight=0.02)
    found = decorrelate(*make(2), make_phi(BATCH, 0.5), rule)
    torch.testing.assert_close(found.loss, rule.weigh(found.terms).sum())


def test_terms_and_temperatures_are_told():
    phi, rule, (z1, z2) = make_phi(), RULES[1], make(2)
    found = contrast_views(z1, z2, phi, rule)
    assert found.terms.shape == (HEADS, 2, BATCH, 4)
    torch.testing.assert_close(rule.weigh(found.terms).mean((1, 2)).sum(), found.loss)
    u, v = F.normalize(z1[:, 1], dim=1), F.normalize(z2[:, 1], dim=1)
    tau = rule.temperature((phi(u) * phi(v)).sum(1))
    torch.testing.assert_close(found.taus[1, 0, :BATCH], tau)
    cosines = u @ torch.cat([u, v]).T
    for i in range(BATCH):
        cosines[i, [i, i + BATCH]] = -2
    nearest = torch.cat([u, v])[cosines.argmax(1)]
    tau = rule.temperature((phi(u) * phi(nearest)).sum(1))
    torch.testing.assert_close(found.taus[1, 1, :BATCH], tau)


@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_one_head_at_a_constant_temperature_is_nt_xent_in_its_soft_form_only(tau):
    z1, z2 = (z[:, :1] for z in make(2))
    plain = nt_xent(z1[:, 0], z2[:, 0], tau, positive_in_denominator=False)
    fixed = {"low": tau, "high": tau, "beta": 0.0}
    soft = contrast_views(z1, z2, NoNetwork(), Rule(**fixed, log_sum_exp=True))
    torch.testing.assert_close(soft.loss, plain, rtol=1e-12, atol=0)
    # Its softplus, anchor by anchor, is NT-Xent with the positive in the denominator.
    per_anchor = soft.terms[..., :2].sum(3)
    expected = nt_xent(z1[:, 0], z2[:, 0], tau)
    torch.testing.assert_close(F.softplus(per_anchor).mean(), expected, rtol=1e-12, atol=0)
    among = contrast_views(z1, z2, NoNetwork(), Rule(**fixed, log_sum_exp=True, with_positive=True))
    torch.testing.assert_close(among.loss, expected, rtol=1e-12, atol=0)
    hard = contrast_views(z1, z2, NoNetwork(), Rule(**fixed, top_k=1)).loss
    assert 0 < plain - hard <= math.log(2 * BATCH - 2)


def test_norms_order_and_heads_do_not_matter():
    phi, rule, (z1, z2) = make_phi(), RULES[1], make(2)
    loss = contrast_views(z1, z2, phi, rule).loss
    order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(0))
    for a, b in (
        (z1 * torch.arange(1, BATCH + 1)[:, None, None], z2),
        (z1[order], z2[order]),
        (z2, z1),
        (z1.flip(1), z2.flip(1)),
    ):
        torch.testing.assert_close(contrast_views(a, b, phi, rule).loss, loss)
    twice = contrast_views(z1[:, [0, 0]], z2[:, [0, 0]], phi, rule).loss
    torch.testing.assert_close(twice, 2 * contrast_views(z1[:, :1], z2[:, :1], phi, rule).loss)
