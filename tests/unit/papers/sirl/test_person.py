"""How the simulated person answers, and the trajectories that are asked about."""

import math

import pytest
import torch

from papers.sirl.data_config import TrajectoryConfig
from papers.sirl.person import answer_queries, exact_labels, people, rewards, scale_features
from papers.sirl.readers.gridrobot import gridrobot

QUERY = torch.tensor([[0, 1, 2]])


def answer(*places: float, answers: str = "three_way") -> list[int]:
    """Returns the answer about three trajectories of one feature."""
    features = torch.tensor(places, dtype=torch.float64)[:, None]
    return answer_queries(features, QUERY, answers)[0].tolist()


def test_the_nearest_pair_is_named_first_whichever_it_is():
    assert answer(0, 0.1, 1) == [0, 1, 2]
    assert answer(0, 1, 0.1) == [0, 2, 1]
    assert answer(0, 0.9, 1) == [1, 2, 0]


def test_an_anchored_person_never_names_the_first_as_the_odd_one():
    assert answer(0, 0.9, 1, answers="anchored") == [0, 1, 2]
    assert answer(0, 1, 0.9, answers="anchored") == [0, 2, 1]


@pytest.mark.parametrize("slip", [-1e-16, 0, 1e-16])
def test_of_equal_pairs_one_with_the_first_is_named_whatever_the_last_bits_say(slip):
    # B and C are as near as A and B: only a strictly nearer pair leaves the first out.
    assert answer(0, 0.3, 0.6 + slip) == [0, 1, 2]
    # All three agree: neither other one is strictly nearer to the first.
    assert answer(0.2, 0.2 + slip, 0.2) == [0, 2, 1]
    # A lies between both others.
    assert answer(0.3, 0, 0.6 + slip) == [0, 2, 1]


def test_scaled_features_weigh_alike_and_a_constant_one_weighs_nothing():
    features = torch.tensor([[1.0, 5.0, 2.0], [3.0, 5.0, 30.0]], dtype=torch.float64)
    assert scale_features(features, "normalize").tolist() == [[0, 0, 0], [1, 0, 1]]
    assert scale_features(features, "standardize").tolist() == [[-1, 0, -1], [1, 0, 1]]


def test_weights_are_of_costs_and_the_better_one_has_label_0():
    features, weights = torch.tensor([[0.0, 1.0], [1.0, 1.0]]), people(2)
    assert weights.shape == (8, 2) and len(weights.unique(dim=0)) == 8
    assert weights.any(1).all()
    found = rewards(features, torch.tensor([1.0, -1.0]))
    assert found.tolist() == [1.0, 0.0]
    assert exact_labels(found, found.flip(0)).tolist() == [0.0, 1.0]
    assert exact_labels(found, found + 1e-15).tolist() == [0.5, 0.5]


def test_gridrobot_has_all_shortest_paths_and_both_features():
    made = gridrobot(TrajectoryConfig())
    paths = made.rows[:, :18].view(-1, 9, 2)
    assert made.rows.shape == (1960, 19) and len(made.rows.unique(dim=0)) == 1960
    assert (paths.diff(dim=1).abs().sum(2) == 1).all()
    assert ((paths[:, 0] - paths[:, -1]).abs() == 4).all() and (paths[:, 0] % 4 == 0).all()
    assert made.features is not None
    assert torch.equal(made.features[:, 1], made.rows[:, 18].abs())
    # From corner to corner along the edge: 2 way-points a corner's distance away, and so on.
    edge = 3 * math.sqrt(8) + 4 * math.sqrt(5) + 2 * 2
    assert made.features[:, 0].max().item() == pytest.approx(edge)
    assert int(made.is_test.sum()) == 392
    again = gridrobot(TrajectoryConfig())
    assert torch.equal(made.rows, again.rows) and torch.equal(made.is_test, again.is_test)
