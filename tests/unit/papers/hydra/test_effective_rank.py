import pytest
import torch

from common.evaluation.features import FeatureSet
from papers.hydra.config import EffectiveRankConfig
from papers.hydra.effective_rank import evaluate_effective_rank


def rank(x, standardise=True):
    labels = torch.zeros(len(x), dtype=torch.int64)
    inputs = FeatureSet(x, labels, x, labels)
    found = evaluate_effective_rank(inputs, EffectiveRankConfig(standardise), 0)
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
