import math

import pytest
import torch
import torch.nn.functional as F

import papers.meow.loss as losses
from papers.meow.loss import (
    Clustering,
    cluster,
    concentrations,
    hard_weights,
    prototype_loss,
    weighted_infonce,
)


def unit(num=30, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, dim, dtype=torch.float64, generator=generator), dim=1)


def direct_infonce(anchor, other, temperature, weight):
    logits = anchor @ other.T / temperature
    total = (weight * logits.exp()).sum(1)
    return (total.log() - logits.diagonal()).mean()


@pytest.mark.parametrize("rows", [7, 1000])
def test_chunks_do_not_change_the_loss(monkeypatch, rows):
    monkeypatch.setattr(losses, "ROWS_AT_A_TIME", rows)
    anchor, other = unit(seed=1), unit(seed=2)
    assigned = torch.randint(0, 4, (3, 30), generator=torch.Generator().manual_seed(0))
    weight = (assigned.unsqueeze(2) != assigned.unsqueeze(1)).sum(0)
    expected = direct_infonce(anchor, other, 0.4, weight)
    torch.testing.assert_close(weighted_infonce(anchor, other, 0.4, assigned), expected)


def test_uniform_weights_are_plain_infonce_without_the_positive():
    anchor, other = unit(seed=1), unit(seed=2)
    expected = direct_infonce(anchor, other, 0.4, 1 - torch.eye(30))
    torch.testing.assert_close(weighted_infonce(anchor, other, 0.4, None), expected)


def test_small_temperature_does_not_overflow_in_float32():
    anchor = unit().float().requires_grad_()
    loss = weighted_infonce(anchor, anchor.detach(), 1e-3, None)
    loss.backward()
    assert math.isfinite(loss.item()) and torch.isfinite(anchor.grad).all()
    wide = weighted_infonce(unit(), unit(), 1e-3, None)
    assert loss.item() == pytest.approx(wide.item(), rel=1e-5)


def test_node_without_negatives_gives_minus_infinity():
    assert weighted_infonce(unit(), unit(), 0.4, torch.zeros(1, 30)).item() == -math.inf


def test_hard_weights_count_clusterings_that_separate():
    assigned = torch.tensor([[0, 0, 1], [0, 1, 1]])
    assert hard_weights(assigned).tolist() == [[0, 1, 2], [1, 0, 1], [2, 1, 0]]


def test_concentration_of_a_lone_member_is_the_largest():
    assigned = torch.tensor([0, 0, 0, 1, 1, 2])
    products = torch.tensor([0.9, 0.8, 0.7, 0.5, 0.4, 0.1], dtype=torch.float64)
    phi = concentrations(assigned, products, 4, 0.4)
    first = products[:3].sqrt().mean() / math.log(8)
    second = products[3:5].sqrt().mean() / math.log(7)
    raw = torch.stack([first, second, first, first])
    low, high = torch.quantile(raw, torch.tensor([0.1, 0.9], dtype=torch.float64))
    expected = raw.clamp(low, high)
    torch.testing.assert_close(phi, 0.4 * expected / expected.mean())


def test_prototype_loss_adds_log_of_nodes_over_clusters():
    anchor = unit()
    found = Clustering(torch.arange(30) % 4, unit(4, seed=3), torch.ones(4, dtype=torch.float64))
    plain = F.cross_entropy(anchor @ found.prototypes.T, found.assigned)
    torch.testing.assert_close(prototype_loss(anchor, [found]), plain + math.log(30 / 4))


def test_clusterings_are_a_function_of_the_points():
    first, second = cluster(unit(), [3, 5], 0.4), cluster(unit(), [3, 5], 0.4)
    assert [len(found.prototypes) for found in first] == [3, 5]
    for mine, theirs in zip(first, second, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
