import math

import pytest
import torch
import torch.nn.functional as F

from papers.meow.loss import (
    cluster,
    weighted_infonce,
)


def unit(num=30, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, dim, dtype=torch.float64, generator=generator), dim=1)


def direct_infonce(anchor, other, temperature, weight):
    logits = anchor @ other.T / temperature
    total = (weight * logits.exp()).sum(1)
    return (total.log() - logits.diagonal()).mean()


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


def test_clusterings_are_a_function_of_the_points():
    first, second = cluster(unit(), [3, 5], 0.4), cluster(unit(), [3, 5], 0.4)
    assert [len(found.prototypes) for found in first] == [3, 5]
    for mine, theirs in zip(first, second, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
