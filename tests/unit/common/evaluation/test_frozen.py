"""Embeddings that are no numbers are refused, whatever they are of: NaN would win a ranking.

`test_scores` has those that an encoder gives of images, of known and novel classes, and of series.
"""

import pytest
import torch
from torch import nn

from common.data.graphs.config import GraphConfig
from common.data.graphs.module import GraphData
from common.data.series.config import SeriesConfig
from common.data.series.module import SeriesData
from common.errors import LikewiseError
from common.evaluation.frozen import require_finite
from common.evaluation.node_config import NodeProbeConfig
from common.evaluation.node_probe import evaluate_nodes
from common.evaluation.ranking import RankingInput, evaluate_ranking, rank_all, rank_among_sampled
from common.evaluation.ranking_config import RankingConfig
from common.evaluation.regression_inputs import RegressionInputs, Samples

SAID = r"NaN or infinite.*optimizer\.lr"


class Diverged(nn.Module):
    """Gives no number for any row, whatever it is asked."""

    value = torch.nan

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def embed(self, x):
        return torch.full((len(x), 4), self.value)

    predict = project = embed_last = embed


def test_finite_values_pass():
    values = torch.tensor([1.0, -3e38])
    assert require_finite(values) is values


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
@pytest.mark.parametrize("part", ["queries", "items"])
def test_a_ranking_is_of_finite_scores(part, value):
    fields = {"queries": torch.ones(6, 4), "items": torch.full((9, 4), 1e10)}
    inputs = RankingInput(**fields, targets=torch.arange(1, 7))
    assert rank_all(inputs).tolist() == [8] * 6
    fields[part][3, 2] = value
    other = "items" if part == "queries" else "queries"
    fields[other][1] = 1e20  # products of 1e30 are beyond float32
    for rank in (rank_all, lambda given: rank_among_sampled(given, 3, seed=0)):
        with pytest.raises(LikewiseError, match=SAID):
            rank(inputs)
    with pytest.raises(LikewiseError, match=SAID):
        evaluate_ranking(inputs, RankingConfig(), seed=0)


@pytest.mark.parametrize("verb", ["embed", "predict", "project"])
def test_what_is_said_of_numbers_is_finite(verb):
    samples = Samples(torch.zeros(5, 3), torch.zeros(5))
    diverged = RegressionInputs({"test": samples}, Diverged())
    with pytest.raises(LikewiseError, match=f"module's {verb} returns: .*" + SAID):
        diverged.map(verb, "test")


def test_representations_of_series_are_finite():
    data = SeriesData(SeriesConfig(name="seasons-quiet", length=100, window=30), 0)
    with pytest.raises(LikewiseError, match=SAID):
        data.evaluation_inputs(Diverged(), "test").features("test", 10)


@pytest.mark.parametrize("when", ["evaluated", "active"])
def test_embeddings_of_nodes_are_finite(when):
    class Encoder(Diverged):
        def embed(self, batch):
            return torch.full((800, 4), self.value if self.training == (when == "active") else 1.0)

    data = GraphData(GraphConfig(), seed=0)
    with pytest.raises(LikewiseError, match=SAID):
        evaluate_nodes(data.evaluation_inputs(Encoder(), "test"), NodeProbeConfig(probes=1), 0)
