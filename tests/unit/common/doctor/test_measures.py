"""Measurements of the doctor, on tensors whose answer is known."""

import math

import pytest
import torch

from common.doctor.measures import contrast_of, gap_share, spread_of, view_noise


@pytest.fixture
def spread_out() -> torch.Tensor:
    return torch.randn(256, 16, generator=torch.Generator().manual_seed(0))


def test_one_vector_has_no_spread_and_a_line_one_direction(spread_out):
    constant = torch.ones(64, 16) + 1e-4 * spread_out[:64]
    line = torch.cat([torch.ones(32, 16), -torch.ones(32, 16)]) + 1e-3 * spread_out[:64]
    assert spread_of(constant).spread < 1e-6
    assert spread_of(line).spread > 0.99
    assert spread_of(line).directions == pytest.approx(1, abs=0.01)


def test_vectors_that_point_everywhere_fill_their_space(spread_out):
    found = spread_of(spread_out)
    assert found.spread > 0.95
    assert found.directions > 14 and found.rank > 15


def test_scores_are_measured_without_pairs_that_are_left_out():
    scores = torch.tensor([[0.0, 2.0, -torch.inf], [-torch.inf, 3.0, 5.0]])
    found = contrast_of(scores)
    weight = 1 / (1 + math.exp(-2))
    entropy = -weight * math.log(weight) - (1 - weight) * math.log(1 - weight)
    assert found.columns == 2
    assert found.deviation == pytest.approx(1)
    assert found.counted == pytest.approx(math.exp(entropy) / 2)
    assert contrast_of(torch.full((3, 4), 0.5)).counted == pytest.approx(1)
    assert contrast_of(torch.zeros(3, 1)) is None


def test_view_noise_is_nought_of_equal_views_and_one_of_others(spread_out):
    other = torch.randn(256, 16, generator=torch.Generator().manual_seed(1))
    assert view_noise(spread_out, spread_out) == 0
    assert view_noise(spread_out, other) == pytest.approx(1, abs=0.05)


def test_the_gap_is_the_share_of_variance_between_modalities(spread_out):
    point = torch.zeros(256, 16)
    point[:, 0] = 1
    assert gap_share(point, -point) == pytest.approx(1)
    assert gap_share(spread_out, spread_out) == 0
    # The centres are .5 ** .5 apart; the second modality varies by a half, the first by nothing.
    first = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    second = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, -1.0]])
    assert gap_share(first, second) == pytest.approx(0.125 / (0.125 + 0.25))
