"""The cases of the vote that stored values do not tell apart."""

import pytest
import torch

from papers.owdfa_cpl.voting import labelled_partners, vote

LABELLED, ROWS, DIM, PARTS = 4, 11, 6, 9


def draw(seed=0):
    generator = torch.Generator().manual_seed(seed)
    g = torch.randn(ROWS, DIM, generator=generator, dtype=torch.float64)
    return g, torch.randn(ROWS, DIM, PARTS, generator=generator, dtype=torch.float64)


def test_a_pair_that_is_each_others_best_passes_by_equality():
    g, p = draw()
    g[9], p[9] = g[10] + 1e-3, p[10] + 1e-3
    found = vote(g, p, LABELLED)
    assert found.trusted[-2:].all()
    assert found.partners[-2:].tolist() == [10, 9]
    # To the last bit for the row with less energy in its parts; the other is above.
    assert (found.best[-2:] == found.threshold[-2:]).sum() == 1


def test_every_candidate_can_be_trusted():
    g, p = draw()
    found = vote(g, p, LABELLED, trust_all=True)
    assert found.trusted.all() and torch.equal(found.partners, found.candidates)
    assert not torch.equal(found.partners, vote(g, p, LABELLED).partners)


def test_equal_rows_are_not_their_own_candidates():
    g, p = draw()
    g[5:] = g[4]
    found = vote(g, p, LABELLED)
    assert not (found.candidates == torch.arange(LABELLED, ROWS)).any()


def test_one_row_has_nobody_to_vote_on():
    g, p = draw()
    with pytest.raises(ValueError, match="rows"):
        vote(g[:1], p[:1], 0)


def test_labelled_partners_are_others_of_the_same_label_each_as_likely():
    labels = torch.tensor([0, 1, 0, 0, 2])
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack(
        [labelled_partners(labels, torch.rand(5, 5, generator=generator)) for _ in range(600)]
    )
    assert (drawn[:, 1] == 1).all() and (drawn[:, 4] == 4).all(), "a single one: itself"
    assert (labels[drawn] == labels).all()
    counts = torch.bincount(drawn[:, 0], minlength=5)
    assert counts[0] == 0 and counts[2:4].min() > 240 and counts.sum() == 600
