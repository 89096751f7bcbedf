"""What the losses must do beyond the stored values: the traps of the method."""

import pytest
import torch

from papers.sirl.loss import preference_accuracy, preference_losses, triplet_terms

MARGIN = 0.1


def embeddings(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second, odd = torch.randn(3, 6, 4, generator=generator, dtype=torch.float64)
    return first, second, odd


def test_the_alike_pair_may_be_exchanged_and_the_odd_one_may_not():
    first, second, odd = embeddings()
    loss = triplet_terms(first, second, odd, MARGIN, "squared").sum(0)
    assert torch.allclose(loss, triplet_terms(second, first, odd, MARGIN, "squared").sum(0))
    assert not torch.allclose(loss, triplet_terms(first, odd, second, MARGIN, "squared").sum(0))
    anchored = triplet_terms(first, second, odd, MARGIN, "squared", symmetric=False)
    assert torch.equal(anchored[0], triplet_terms(first, second, odd, MARGIN, "squared")[0])


@pytest.mark.parametrize("distance", ["squared", "euclidean"])
def test_a_common_translation_moves_nothing(distance):
    first, second, odd = embeddings()
    moved = triplet_terms(first + 3, second + 3, odd + 3, MARGIN, distance)
    assert torch.allclose(moved, triplet_terms(first, second, odd, MARGIN, distance))


@pytest.mark.parametrize("distance", ["squared", "euclidean"])
def test_a_collapse_costs_the_margin_in_each_term_and_a_far_odd_one_costs_nothing(distance):
    same, far = torch.ones(5, 3), torch.full((5, 3), 9.0)
    collapsed = triplet_terms(same, same, same, MARGIN, distance)
    assert torch.allclose(collapsed, torch.full((2, 5), MARGIN))
    assert not triplet_terms(same, same + 0.1, far, MARGIN, distance).any()


@pytest.mark.parametrize("loss", ["cross_entropy", "probability"])
def test_label_0_prefers_the_first_and_half_prefers_none(loss):
    high, low = torch.tensor([2.0]), torch.tensor([-1.0])
    right, wrong = (preference_losses(high, low, torch.tensor([y]), loss) for y in (0.0, 1.0))
    assert right < wrong
    assert torch.allclose(right, preference_losses(low, high, torch.tensor([1.0]), loss))
    undecided = preference_losses(high, low, torch.tensor([0.5]), loss)
    assert torch.allclose(undecided, (right + wrong) / 2)


def test_rewards_beyond_the_bound_have_no_gradient_in_the_probability_alone():
    first, second = torch.tensor([60.0]).requires_grad_(), torch.tensor([49.5])
    labels = torch.tensor([1.0])
    for loss, clip, moves in (
        ("cross_entropy", 50.0, True),
        ("probability", 50.0, False),
        ("probability", 61.0, True),
    ):
        value = preference_losses(first, second, labels, loss, 0.1, clip).sum()
        assert bool(torch.autograd.grad(value, first)[0]) == moves


def test_equal_rewards_do_not_count_and_the_first_wins_equal_predictions():
    zero, one = torch.zeros(1), torch.ones(1)
    assert preference_accuracy(zero, zero, torch.tensor([0.5])) == (0.5, 0)
    assert preference_accuracy(zero, zero, zero) == (1.0, 1)
    assert preference_accuracy(zero, zero, one) == (0.0, 1)
    # Both lie beyond the bound, where they are equal.
    assert preference_accuracy(60 * one, 70 * one, zero) == (1.0, 1)
    assert preference_accuracy(40 * one, 45 * one, zero) == (0.0, 1)
    assert preference_accuracy(40 * one, 45 * one, zero, clip=40.0) == (1.0, 1)
