"""DefSent+'s entries, isotropic spaces, and the protocol that ranks entries by logits."""

import numpy as np
import pytest
import torch

from common.errors import ConfigError
from papers.defsent_plus.entries import EntryMeans
from papers.defsent_plus.isotropic import isotropic
from papers.defsent_plus.loss import entry_logits, predict_entry
from papers.defsent_plus.prediction import entry_ranks, rank_metrics

GENERATOR = torch.Generator().manual_seed(5)
VECTORS = torch.randn(7, 4, generator=GENERATOR, dtype=torch.float64)


def test_an_entry_is_the_mean_of_its_definitions_in_whatever_batches_they_come():
    owners = torch.tensor([0, 1, 0, 2, 2, 2, 1])
    found = EntryMeans(torch.zeros(3, 4, dtype=torch.float64))
    for rows in (slice(0, 3), slice(3, 7)):
        found.add(VECTORS[rows], owners[rows])
    expected = torch.stack([VECTORS[owners == entry].mean(0) for entry in range(3)])
    torch.testing.assert_close(found.means(), expected)


def test_an_entry_without_a_definition_is_refused():
    found = EntryMeans(torch.zeros(3, 4, dtype=torch.float64))
    found.add(VECTORS[:2], torch.tensor([0, 2]))
    with pytest.raises(ConfigError, match=r"data: 1 of 3"):
        found.means()


@pytest.mark.parametrize("space", ["ica", "zca"])
def test_both_spaces_are_isotropic(space):
    x = torch.randn(200, 5, generator=GENERATOR).exp() @ torch.randn(5, 5, generator=GENERATOR)
    found = isotropic(x + 3, space, 7.0)
    assert found.dtype == x.dtype
    covariance = np.cov(found.double().numpy().T, bias=True)
    np.testing.assert_allclose(covariance, 49 * np.eye(5), atol=1e-3)


@pytest.mark.parametrize("space", ["ica", "zca"])
def test_the_direction_that_a_layer_norm_leaves_without_variance_is_not_enlarged(space):
    x = torch.nn.functional.layer_norm(torch.randn(200, 5, generator=GENERATOR).exp(), (5,))
    found = isotropic(x, space, 1.0)
    values = torch.linalg.eigvalsh(torch.cov(found.double().T, correction=0))
    torch.testing.assert_close(values, torch.tensor([0.0, 1, 1, 1, 1]).double(), rtol=0, atol=1e-3)


def test_a_scaled_space_has_the_variance_of_a_whitened_one_and_the_shape_of_its_own():
    x = torch.nn.functional.layer_norm(torch.randn(200, 5, generator=GENERATOR).exp(), (5,))
    found = isotropic(x, "scaled", 3.0)
    assert float(found.var(0, correction=0).sum()) == pytest.approx(4 * 9, rel=1e-5)
    centred = x - x.mean(0)
    torch.testing.assert_close(found / found.norm(), centred / centred.norm(), rtol=0, atol=1e-6)


def test_whitening_turns_entries_no_further_than_it_must():
    x = torch.randn(200, 3, generator=GENERATOR) * torch.tensor([1.0, 2.0, 5.0])
    found = isotropic(x, "zca", 1.0)
    correlations = np.corrcoef(x.numpy().T, found.numpy().T)[:3, 3:]
    assert (np.diag(correlations) > 0.99).all()


def test_a_vector_that_all_entries_share_changes_no_loss():
    s, targets = VECTORS[:3], torch.tensor([1, 0, 2])
    losses = [predict_entry(entry_logits(s, VECTORS[3:] + shift), targets) for shift in (0, 5)]
    torch.testing.assert_close(*losses)


def test_ranks_count_larger_logits_and_a_constant_output_finds_nothing():
    logits = torch.tensor([[0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [1.0, 1.0, 1.0]])
    ranks = entry_ranks(logits, torch.tensor([1, 0, 0]))
    assert ranks.tolist() == [1, 3, 3]
    found = rank_metrics(ranks, 2, [1, 3])
    assert found["entry_mrr"] == pytest.approx(100 / 3)
    assert found["entry_top1"] == pytest.approx(100 / 3) and found["entry_top3"] == 100
