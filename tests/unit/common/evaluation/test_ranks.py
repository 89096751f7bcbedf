import pytest
import torch

from common.evaluation.ranks import evaluate_effective_rank, evaluate_rank_me
from common.evaluation.vector_config import EffectiveRankConfig, RankMeConfig
from common.evaluation.vectors import Part, Vectors


def vectors(x):
    return Vectors(Part(lambda: x))


def rank(x, standardise=True):
    found = evaluate_effective_rank(vectors(x), EffectiveRankConfig(standardise), 0)
    assert list(found) == ["effective_rank"]
    return found["effective_rank"]


def test_it_counts_the_dimensions_that_vary():
    x = torch.randn(4000, 6, generator=torch.Generator().manual_seed(0))
    assert rank(x + 5) == pytest.approx(6, rel=0.01)
    x[:, 4:] = x[:, :2]
    # Two of six dimensions repeat two others: singular values sqrt(2), sqrt(2), 1, 1.
    assert 3.8 < rank(x) < 4


def test_a_dimension_does_not_count_for_its_scale_unless_asked_to():
    x = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    x[:, 0] *= 1000
    assert rank(x) == pytest.approx(3, rel=0.01)
    assert rank(x, standardise=False) < 1.1


def test_rankme_is_the_entropy_of_the_singular_values_of_vectors_that_are_not_centred():
    x = torch.randn(300, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 3
    shares = torch.linalg.svdvals(x)
    shares = shares / shares.sum() + 1e-7
    expected = (-(shares * shares.log()).sum()).exp().item()
    found = evaluate_rank_me(vectors(x), RankMeConfig(), 0)
    assert found == {"rankme": pytest.approx(expected, rel=1e-12)}
    assert evaluate_rank_me(vectors(torch.ones(9, 4)), RankMeConfig(), 0)["rankme"] < 1.01
