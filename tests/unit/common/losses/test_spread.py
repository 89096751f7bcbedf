"""Alignment and uniformity, against plain formulas."""

import pytest
import torch

from common.losses.spread import alignment, cross_uniformity, uniformity


def rows(seed, count=7):
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)).double()


def distances(x, y):
    x, y = x / x.norm(dim=1, keepdim=True), y / y.norm(dim=1, keepdim=True)
    return (x[:, None] - y).square().sum(2)


@pytest.mark.parametrize("chunk", [3, 1024])
def test_cross_uniformity_leaves_out_the_partners(monkeypatch, chunk):
    monkeypatch.setattr("common.losses.spread.CHUNK", chunk)
    x, y = rows(0).requires_grad_(), rows(1).requires_grad_()
    others = ~torch.eye(7, dtype=torch.bool)
    plain = torch.exp(-3 * distances(x, y)[others]).mean().log()
    torch.testing.assert_close(cross_uniformity(x, y, 3.0), plain)
    expected = torch.autograd.grad(plain, [x, y])
    torch.testing.assert_close(torch.autograd.grad(cross_uniformity(x, y, 3.0), [x, y]), expected)


def test_equal_rows_have_a_finite_gradient():
    x = torch.ones(4, 3, requires_grad=True)
    value = uniformity(x) + alignment(x, x.detach()) + cross_uniformity(x, x.detach())
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert torch.autograd.grad(value, x)[0].isfinite().all()
