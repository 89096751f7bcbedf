import numpy as np
import pytest
import torch

from common.losses import barlow
from common.losses.barlow import barlow_twins, correlate, standardise

WEIGHT = 0.02


def make_views(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(6, 5, generator=generator, dtype=dtype) for _ in range(2)]


def by_numpy(z1, z2):
    """Eq. 1 entry by entry, on what a batch norm without weights gives."""
    x, y = ((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) for z in (z1.numpy(), z2.numpy()))
    total = 0.0
    for i in range(x.shape[1]):
        for j in range(x.shape[1]):
            c = np.mean(x[:, i] * y[:, j])
            total += (1 - c) ** 2 if i == j else WEIGHT * c**2
    return total


@pytest.mark.parametrize("chunk", [1, 2, 512])
def test_is_the_sum_of_the_paper(monkeypatch, chunk):
    monkeypatch.setattr(barlow, "CHUNK_ROWS", chunk)
    z1, z2 = make_views()
    expected = by_numpy(z1, z2)
    loss = barlow_twins(z1.requires_grad_(), z2, WEIGHT)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    step = torch.zeros_like(z2)
    step[2, 3] = 1e-6
    slope = by_numpy(z1.detach() + step, z2) - by_numpy(z1.detach() - step, z2)
    assert z1.grad[2, 3].item() == pytest.approx(slope / 2e-6, rel=1e-6)


@pytest.mark.parametrize(("unbiased_eps", "expected"), [(None, 1), (1e-9, 5 / 6)])
def test_identical_views_have_one_on_the_diagonal_unless_unbiased(unbiased_eps, expected):
    x = standardise(1e3 * make_views()[0], unbiased_eps)
    diagonal = torch.full((5,), expected, dtype=torch.float64)
    torch.testing.assert_close(correlate(x, x).diagonal(), diagonal, rtol=1e-9, atol=0)


@pytest.mark.parametrize("unbiased_eps", [None, 1e-9])
def test_a_constant_column_costs_one_and_has_a_finite_gradient(unbiased_eps):
    z1, z2 = make_views(torch.float32)
    z1[:, 2] = 3.0
    loss = barlow_twins(z1.requires_grad_(), z2, 0.0, unbiased_eps)
    loss.backward()
    assert torch.isfinite(z1.grad).all()
    others = [0, 1, 3, 4]
    expected = 1 + barlow_twins(z1.detach()[:, others], z2[:, others], 0.0, unbiased_eps)
    torch.testing.assert_close(loss.detach(), expected)
