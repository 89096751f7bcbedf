import pytest
import torch

from common.losses.barlow import barlow_twins, correlate, standardise


def make_views(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(6, 5, generator=generator, dtype=dtype) for _ in range(2)]


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
