"""WhitenedCSE's loss: a contrast with each further view, summed."""

import math

import pytest
import torch

from papers.whitenedcse.loss import multi_positive, no_negatives

GENERATOR = torch.Generator().manual_seed(5)
Z = torch.randn(3, 6, 4, generator=GENERATOR, dtype=torch.float64)


@pytest.mark.parametrize("views", [2, 3, 4])
def test_equal_embeddings_cost_the_logarithm_of_the_batch_for_each_positive(views):
    loss = multi_positive(torch.ones(views, 6, 4), 0.05)
    assert loss.item() == pytest.approx((views - 1) * math.log(6))


def test_further_views_are_not_each_others_negatives():
    parts = [multi_positive(Z[[0, k]], 0.05) for k in (1, 2)]
    torch.testing.assert_close(multi_positive(Z, 0.05), parts[0] + parts[1])


def test_norms_do_not_matter_and_the_order_of_sentences_does():
    torch.testing.assert_close(multi_positive(7 * Z, 0.05), multi_positive(Z, 0.05))
    moved = Z.clone()
    moved[1] = Z[1].flip(0)
    assert not torch.isclose(multi_positive(moved, 0.05), multi_positive(Z, 0.05))


def test_without_negatives_only_the_partners_count():
    assert no_negatives(Z[:1].repeat(3, 1, 1)).item() == pytest.approx(0)
    assert no_negatives(torch.stack([Z[0], -Z[0], -Z[0]])).item() == pytest.approx(8)
