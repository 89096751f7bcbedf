"""Masked words: what is masked, how often, and what is to be told."""

import pytest
import torch

from common.data.text.config import Special, TextFacts
from common.methods.masked_words import IGNORED, MaskedWords

SPECIAL = Special(pad=0, unknown=3, first=1, last=2, mask=3)
MASK, WORDS = SPECIAL.mask, 50
IDS = torch.randint(4, WORDS, (400, 12), generator=torch.Generator().manual_seed(1))
IDS[:, 0], IDS[:, 9], IDS[:, 10:] = 1, 2, 0


@pytest.fixture
def words():
    torch.manual_seed(2)
    return MaskedWords(8, TextFacts(WORDS, SPECIAL, max_length=16))


def test_shares_of_masks_and_random_words_are_as_asked(words):
    inputs, labels = words.mask(IDS, 0.15, 0.8, position=0)
    told = labels != IGNORED
    assert torch.equal(labels[told], IDS[told]) and torch.equal(inputs[~told], IDS[~told])
    assert not told[:, [0, 9, 10, 11]].any(), "special tokens are not masked"
    assert told[:, 1:9].double().mean().item() == pytest.approx(0.15, abs=0.02)
    assert (inputs[told] == MASK).double().mean().item() == pytest.approx(0.8, abs=0.05)
    kept = (inputs[told] == IDS[told]).double().mean().item()
    assert kept == pytest.approx(0.1, abs=0.04)


def test_draws_are_those_of_the_position_however_far_a_batch_is_padded(words):
    inputs, labels = words.mask(IDS, 0.3, 1.0, position=4)
    shorter = words.mask(IDS[:, :10], 0.3, 1.0, position=4)
    assert torch.equal(shorter[0], inputs[:, :10]) and torch.equal(shorter[1], labels[:, :10])
    assert not torch.equal(words.mask(IDS, 0.3, 1.0, position=5)[1], labels)


def test_only_words_to_be_told_cost_and_none_costs_nothing(words):
    states = torch.randn(2, 3, 8)
    labels = torch.tensor([[IGNORED, 7, IGNORED], [IGNORED, IGNORED, 9]])
    changed = states.clone()
    changed[labels == IGNORED] = 0
    assert words(states, labels) == words(changed, labels)
    assert words(states, torch.full((2, 3), IGNORED)).item() == 0
