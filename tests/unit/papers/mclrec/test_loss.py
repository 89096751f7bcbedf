import pytest
import torch

from papers.mclrec.loss import (
    contrast,
    global_regulariser,
    pair_scores,
    row_regulariser,
)


def vectors(seed=0, batch=5, dim=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, batch, dim, generator=generator, dtype=torch.float64)


def test_anchors_of_two_halves_average_to_the_whole():
    a, b = vectors(2, batch=6)
    whole = pair_scores(a, b)
    halves = [pair_scores(a[r : r + 3], b[r : r + 3], a, b, offset=r) for r in (0, 3)]
    for loss in (contrast, row_regulariser):
        mean = sum(loss(half) for half in halves) / 2
        assert mean == pytest.approx(loss(whole).item(), rel=1e-12)


def test_cosine_ignores_lengths():
    a, b = vectors(4)
    first = contrast(pair_scores(a, b, similarity="cosine", temperature=0.2))
    second = contrast(pair_scores(3 * a, b / 5, similarity="cosine", temperature=0.2))
    assert first == pytest.approx(second.item(), rel=1e-12)


def test_one_sequence_has_no_negatives_and_no_regulariser():
    a, b = vectors(5, batch=1)
    pairs = pair_scores(a.requires_grad_(), b)
    total = contrast(pairs) + row_regulariser(pairs) + global_regulariser(pairs)
    (gradient,) = torch.autograd.grad(total, a)
    assert total == 0 and not gradient.any()
