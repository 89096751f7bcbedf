import pytest
import torch
from torch.nn import functional as F

from papers.mclrec.loss import (
    contrast,
    global_regulariser,
    pair_scores,
    row_regulariser,
)


def vectors(seed=0, batch=5, dim=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, batch, dim, generator=generator, dtype=torch.float64)


def split(a, b):
    """Positive and negative scores by plain loops."""
    rows = torch.cat((a, b))
    size, half = len(rows), len(a)
    scores = rows @ rows.T
    positive = torch.stack([scores[i, (i + half) % size] for i in range(size)])
    negative = torch.stack(
        [
            scores[i, [j for j in range(size) if j not in (i, (i + half) % size)]]
            for i in range(size)
        ]
    )
    return positive, negative


def test_the_contrast_is_cross_entropy_of_the_partner():
    a, b = vectors()
    positive, negative = split(a, b)
    logits = torch.cat((positive[:, None], negative), dim=1)
    expected = F.cross_entropy(logits, torch.zeros(10, dtype=torch.int64))
    assert contrast(pair_scores(a, b)) == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_regularisers_by_their_equations(scale):
    a, b = vectors(1) * scale
    # One anchor whose positive beats every negative, so that both cases occur.
    b[0] = a[0] * 4
    positive, negative = split(a, b)
    hardest = negative.amax(dim=1)
    lower, upper = torch.minimum(positive, hardest), torch.maximum(positive, hardest)
    by_row = F.relu(positive - lower).mean() + F.relu(upper[:, None] - negative).mean()
    lower = torch.minimum(positive.min(), negative.max())
    upper = torch.maximum(positive.min(), negative.max())
    globally = F.relu(positive - lower).mean() + F.relu(upper - negative).mean()
    pairs = pair_scores(a, b)
    assert row_regulariser(pairs) == pytest.approx(by_row.item(), rel=1e-12)
    assert global_regulariser(pairs) == pytest.approx(globally.item(), rel=1e-12)
    assert by_row != globally


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
