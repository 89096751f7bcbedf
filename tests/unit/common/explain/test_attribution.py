"""Attributions against closed forms, and agreement of lists by hand."""

import numpy as np
import pytest
import torch

from common.explain.agreement import agreement, top_tau
from common.explain.attribution import (
    METHODS,
    SHARE,
    Explained,
    gradient_x_input,
    integrated_gradients,
    leave_one_out,
    reagent,
)

WEIGHTS = torch.tensor([[0.02, -0.01], [0.03, 0.01], [-0.02, 0.0], [0.5, 0.5]]).double()
X = torch.tensor([[1.0, 2.0], [-1.0, 3.0], [2.0, 1.0], [0.1, 0.2]]).double()
BLANK = torch.full((4, 2), 0.5).double()
# The last row belongs to no unit.
PLACE = torch.tensor([0, 1, 2, 3])[:, None].expand(4, 2)


def explained(score):
    def draw(generator, count):
        return BLANK.expand(count, 4, 2)

    return Explained(["a", "b", "c"], X, PLACE, BLANK, score, draw, "")


LINEAR = explained(lambda x: 0.3 + (x * WEIGHTS).sum((1, 2)))


def test_of_a_linear_score_each_unit_has_its_own_drop():
    drops = (WEIGHTS * (X - BLANK)).sum(1)[:3]
    torch.testing.assert_close(leave_one_out(LINEAR), drops)
    torch.testing.assert_close(integrated_gradients(LINEAR), drops)
    torch.testing.assert_close(gradient_x_input(LINEAR), (WEIGHTS * X).sum(1)[:3])


def test_integrated_gradients_sum_to_the_score_less_that_of_the_blank_input():
    given = explained(lambda x: (x * WEIGHTS).sum((1, 2)).sigmoid() * x[:, 0, 0].cos().square())
    blank = torch.cat([BLANK[:3], X[3:]])
    whole = given.score(X[None]) - given.score(blank[None])
    torch.testing.assert_close(integrated_gradients(given).sum(), whole[0], rtol=1e-3, atol=0)


def test_reagent_grows_with_the_drop_as_its_expected_update_says():
    drops = (WEIGHTS * (X - BLANK)).sum(1)[:3]
    # 2 artanh(d) is 2 d for small d: its mean with the sign of one unit, less that of all units.
    expected = 4 * SHARE * (1 - SHARE) * (drops - drops.mean())
    found = reagent(LINEAR, rounds=20_000).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)
    assert torch.equal(reagent(LINEAR, 64), reagent(LINEAR, 64))


@pytest.mark.parametrize("method", METHODS)
def test_an_input_that_does_not_matter_has_no_attribution(method):
    found = METHODS[method](explained(lambda x: 0 * x.sum((1, 2)) + 0.5))
    assert not found.any()


def test_agreement_counts_pairs():
    first, second = np.array([4.0, 3, 2, 1]), np.array([4.0, 3, 1, 2])
    found = agreement(first, second, 2)
    assert found["kendall"] == pytest.approx(2 / 3)
    # The pair that differs is of low ranks, and counts less.
    assert found["kendall"] < found["weighted"] < 1
    assert found["top 2"] == 1  # the first two units are ordered alike
    assert top_tau(first, -first, 2) == -1
    # The first two of one list tie: their one pair costs a half.
    assert top_tau(first, np.array([2.0, 2, 1, 0]), 2) == 0
