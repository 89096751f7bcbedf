import pytest
import torch

from papers.amcl.temperature import (
    NoNetwork,
    TemperatureNetwork,
    temperature,
)


def test_higher_scores_have_lower_temperatures_within_the_bounds():
    scores = torch.tensor([-1e4, -1.0, 0.0, 1.0, 1e4], dtype=torch.float64)
    tau = temperature(scores, 0.1, 2.0)
    assert (tau.diff() < 0).all()
    assert tau[0].item() == 2.0 and tau[-1].item() == pytest.approx(0.1)
    assert tau[2].item() == pytest.approx(1.05)
    # The paper writes the same as iota / (1 + exp(r)) + eta.
    torch.testing.assert_close(tau[:4], 1.9 / (1 + scores[:4].exp()) + 0.1)


def test_equal_bounds_are_a_constant():
    assert torch.equal(temperature(torch.randn(5), 0.5, 0.5), torch.full((5,), 0.5))
    assert torch.equal(NoNetwork()(torch.randn(2, 3, 4)), torch.zeros(2, 3, 1))


def test_scale_and_normalisation():
    torch.manual_seed(0)
    plain = TemperatureNetwork(6, 5)
    torch.manual_seed(0)
    small = TemperatureNetwork(6, 5, scale=0.4)
    assert all(
        torch.equal(0.4 * a, b) for a, b in zip(plain.parameters(), small.parameters(), strict=True)
    )
    cosines = TemperatureNetwork(6, 5, normalise=True)(torch.randn(7, 6))
    torch.testing.assert_close(cosines.norm(dim=1), torch.ones(7))
