import math

import pytest
import torch

from papers.amcl.reference import stationary_temperature
from papers.amcl.temperature import (
    NoNetwork,
    TemperatureNetwork,
    omega,
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


@pytest.mark.parametrize("dim", [2, 8, 128])
def test_omega_is_least_at_two_over_dim(dim):
    tau = torch.logspace(-4, 1, 20001, dtype=torch.float64)
    least = tau[omega(tau, dim).argmin()].item()
    assert least == pytest.approx(2 / dim, rel=1e-3)


def test_the_stationary_point_is_a_minimum_or_out_of_reach():
    tau = torch.logspace(-5, 1, 60001, dtype=torch.float64)
    for s, beta in ((-0.4, 1.0), (0.3, 0.5), (0.05, 0.1)):
        expected = stationary_temperature(torch.tensor(s), beta, 16).item()
        found = tau[(-s / tau + beta * omega(tau, 16)).argmin()].item()
        assert found == pytest.approx(expected, rel=1e-3)
    # At the code's beta a positive drives its temperature down without end.
    assert stationary_temperature(torch.tensor(0.5), 1e-4, 128) < 0
    assert (-0.5 / tau + 1e-4 * omega(tau, 128)).argmin() == 0


def test_the_network_is_two_layers_shared_by_all_dimensions_before():
    torch.manual_seed(0)
    phi, u = TemperatureNetwork(6, 5), torch.randn(3, 2, 6)
    first, second = phi.layers[0], phi.layers[2]
    hidden = (u[1, 0] @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(phi(u)[1, 0], hidden @ second.weight.T + second.bias)


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


def test_omega_is_the_normal_likelihood():
    u, v = torch.nn.functional.normalize(torch.randn(2, 9, dtype=torch.float64), dim=1)
    tau = torch.tensor(0.3, dtype=torch.float64)
    density = -0.5 * ((u - v) @ (u - v)) / tau - 4.5 * math.log(2 * math.pi * tau)
    likelihood = -u @ v / tau + omega(tau, 9) + 4.5 * math.log(2 * math.pi)
    torch.testing.assert_close(likelihood, -density)
