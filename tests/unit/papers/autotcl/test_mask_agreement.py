"""Whether a mask finds what it should."""

import pytest
import torch
from torch import nn

from common.data.series.config import SeriesConfig
from common.data.series.module import SeriesData
from common.evaluation.run_protocols import run_protocols
from common.evaluation.series_config import ForecastingConfig
from papers.autotcl.config import MaskAgreementConfig
from papers.autotcl.mask_agreement import evaluate_mask_agreement, smooth
from tests.recipes import evaluation

SETTINGS = ForecastingConfig(horizons=[2, 5], lags=10)


class Masked(nn.Module):
    """Its mask is the truth, or its opposite."""

    learns_mask = True

    def __init__(self, truth):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.truth = truth

    def mask_scores(self, x):
        return self.truth[None, :, None].expand(1, -1, 2)


@pytest.fixture(scope="module")
def data():
    found = SeriesData(SeriesConfig(name="seasons-quiet", length=100, window=30), 0)
    found.load()
    return found


def test_a_mask_is_compared_with_the_truth(data):
    truth = data.long.informative[5760:].float()
    found = {}
    for name, scores in (("right", truth), ("wrong", 1 - truth), ("blind", 0 * truth)):
        inputs = data.evaluation_inputs(Masked(scores), "test")
        found[name] = evaluate_mask_agreement(inputs, MaskAgreementConfig(), 0)
    assert [found[n]["mask_auc"] for n in ("right", "wrong", "blind")] == [1, 0, 0.5]
    # Where noise is quiet the size of the values tells it.
    assert found["right"]["magnitude_auc"] > 0.8


def test_a_mask_that_nothing_learns_is_not_measured(data):
    module = Masked(data.long.informative[5760:].float())
    module.learns_mask = False
    inputs = data.evaluation_inputs(module, "test")
    assert evaluate_mask_agreement(inputs, MaskAgreementConfig(), 0) == {}


def test_references_have_no_mask(data):
    config = evaluation(
        "autotcl", protocols=["forecasting", "mask-agreement"], forecasting=SETTINGS
    )
    found = run_protocols(config.protocols, data.references("test")["lags"], config, 0, "test/")
    assert "test/mse" in found and "test/mask_auc" not in found


def test_smoothing_is_a_mean_of_what_is_there():
    found = smooth(torch.tensor([1.0, 2.0, 6.0, 0.0]), 3)
    torch.testing.assert_close(found, torch.tensor([1.5, 3.0, 8 / 3, 3.0]))
