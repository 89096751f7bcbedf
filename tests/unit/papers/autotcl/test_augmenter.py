import pytest
import torch

from papers.autotcl.augmenter import Augmenter, gate, harden, view
from papers.autotcl.backbone import DilatedEncoder, draw_keep

STRETCH, BIAS = 0.05, 0.05


def make(channels):
    torch.manual_seed(0)
    return Augmenter(DilatedEncoder(3, 4, 1, 5, (1, 2)), channels).double()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_view_is_the_scaled_series_where_the_gate_is_open_and_nothing_elsewhere(channels):
    x, augmenter = torch.randn(2, 8, 3, dtype=torch.float64), make(channels)
    factors = augmenter(x)
    assert factors.h.shape == factors.g.shape == (2, 8, channels)
    torch.testing.assert_close(factors.logit.sigmoid(), factors.h)
    gates = (torch.rand(2, 8, channels) < 0.5).double()
    v = view(x, factors, gates)
    where = gates.expand_as(x) == 1
    assert torch.equal(v[where], (factors.g.expand_as(x) * x)[where])
    assert not v[~where].any() and 0 < where.sum() < where.numel()


def test_without_noise_no_score_above_a_tenth_closes_the_gate():
    # What the published code does: it gives the gate h itself, which lies in (0, 1).
    scores = torch.linspace(0.1, 1, 91)
    assert (harden(gate(scores, None, STRETCH, BIAS)) == 1).all()
    # The logit can.
    closed, opened = gate(torch.tensor([-9.0, 9.0]), None, STRETCH, BIAS).tolist()
    assert closed == 0 and opened > 0.999


@pytest.mark.parametrize(("stretch", "lowest"), [(0.05, 0.0), (0.5, 0.0), (0.0, 2.6e-3)])
def test_the_gate_is_clipped_at_both_ends(stretch, lowest):
    u = torch.tensor([0.0, 1.0], dtype=torch.float64)
    score = torch.tensor([9.0, -3.0], dtype=torch.float64)
    high, low = gate(score, u, stretch, BIAS).tolist()
    assert low == pytest.approx(lowest, abs=1e-4)
    # The stretch is downwards only, so that the upper end is reached from below.
    assert 0.999 < high <= 1


def test_draws_are_kept_from_the_ends():
    score = torch.zeros(2)
    found = gate(score, torch.tensor([0.0, 1.0]), 0.0, 0.2)
    torch.testing.assert_close(found, torch.tensor([0.8, 0.2]))


def test_a_temperature_divides_score_and_noise():
    score, u = torch.tensor([0.3]), torch.tensor([0.2])
    logit = gate(score, u, 0.0, BIAS).logit()
    torch.testing.assert_close(gate(score, u, 0.0, BIAS, 2.0).logit(), logit / 2)


def test_the_hard_gate_has_the_soft_ones_gradient():
    soft = torch.tensor([0.2, 0.5, 0.9], requires_grad=True)
    hard = harden(soft)
    assert hard.tolist() == [0, 0.5, 1]
    assert torch.autograd.grad(hard.sum(), soft)[0].tolist() == [1, 1, 1]


def test_the_bias_of_the_mask_can_be_set():
    augmenter = Augmenter(DilatedEncoder(3, 4, 1, 5, (1,)), 2, bias=-1.5)
    assert augmenter.h_head.bias.tolist() == [-1.5, -1.5]


def test_step_masks():
    generator = torch.Generator().manual_seed(0)
    assert draw_keep("all", 2, 9, generator) is None
    last = draw_keep("last", 2, 9, generator)
    assert last.sum(1).tolist() == [8, 8] and not last[:, -1].any()
    half = draw_keep("binomial", 40, 200, generator)
    assert 0.48 < float(half.double().mean()) < 0.52
    stretches = draw_keep("continuous", 60, 100, generator)
    left_out = (~stretches).sum(1)
    assert left_out.min() >= 10 and left_out.max() <= 50 and left_out.double().mean() > 30
