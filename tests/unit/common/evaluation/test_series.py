"""Protocols on series: forecasts and classes."""

import numpy as np
import pytest
import torch
from torch import nn

from common.data.series.config import SeriesConfig
from common.data.series.module import SeriesData
from common.errors import ConfigError
from common.evaluation.forecasting import evaluate_forecasting
from common.evaluation.series_config import ForecastingConfig, SeriesSvmConfig
from common.evaluation.series_inputs import LabelledInputs, encode_windows
from common.evaluation.series_svm import UNBOUNDED, evaluate_series_svm, fit_svm

SETTINGS = ForecastingConfig(horizons=[2, 5], lags=10)


class Values(nn.Module):
    """A representation that is what it sees."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.modes = set()

    def embed(self, x):
        return x

    def embed_last(self, x):
        self.modes.add(self.training)
        return x[:, -10:].flatten(1)


@pytest.fixture(scope="module")
def data():
    found = SeriesData(SeriesConfig(name="seasons-quiet", length=100, window=30), 0)
    found.load()
    return found


def test_windows_end_at_their_step():
    series = torch.arange(20.0).view(2, 10, 1)
    found = encode_windows(lambda x: torch.cat([x[:, 0], x[:, -1]], 1), series, 4, at_once=3)
    assert found.shape == (2, 7, 2)
    assert found[1].tolist() == [[10.0 + t, 13.0 + t] for t in range(7)]


def test_a_representation_of_raw_values_is_the_reference_of_raw_lags(data):
    module = Values()
    ours = evaluate_forecasting(data.evaluation_inputs(module, "test"), SETTINGS, 0)
    references = data.references("test")
    lags = evaluate_forecasting(references["lags"], SETTINGS, 0)
    assert module.modes == {False} and module.training
    assert ours == pytest.approx(lags, rel=1e-4)
    assert ours["mse"] == pytest.approx((ours["mse@2"] + ours["mse@5"]) / 2)
    naive = evaluate_forecasting(references["last-value"], SETTINGS, 0)
    assert naive["mse@5"] > lags["mse@5"]


def test_the_naive_forecast_is_measured_on_all_windows_of_the_test_part(data):
    found = evaluate_forecasting(data.references("test")["last-value"], SETTINGS, 0)
    values = data.long.targets[0, 5760:, 0]
    clean = data.long.clean[0, 5760:, 0]
    gaps = [values[t + 1 : t + 6] - values[t] for t in range(len(values) - 5)]
    assert found["mae@5"] == pytest.approx(float(torch.stack(gaps).abs().mean()))
    true = [clean[t + 1 : t + 6] - values[t] for t in range(len(values) - 5)]
    assert found["clean_mse@5"] == pytest.approx(float(torch.stack(true).square().mean()))


def test_online_protocols_are_measured_on_validation(data):
    found = evaluate_forecasting(data.references("val")["last-value"], SETTINGS, 0)
    values = data.long.targets[0, 4320:5760, 0]
    gaps = [values[t + 1 : t + 3] - values[t] for t in range(len(values) - 2)]
    assert found["mae@2"] == pytest.approx(float(torch.stack(gaps).abs().mean()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SeriesSvmConfig(folds=41), "folds=41.*40"),
        (SeriesSvmConfig(folds=21, max_samples=30), "the largest class has 20 training"),
        (SeriesSvmConfig(max_samples=59), "max_samples=59.*60"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused_before_training(settings, message):
    y = np.repeat([0, 3], [40, 20])
    with pytest.raises(ConfigError, match=message):
        settings.check_folds(y)
    with pytest.raises(ValueError):
        fit_svm(np.arange(60.0)[:, None], y, settings)
    SeriesSvmConfig(folds=40).check_folds(y)


def short_series(num=60):
    rng = np.random.default_rng(0)
    y = torch.arange(num) % 3
    x = torch.from_numpy(rng.normal(size=(num, 12, 2))).float() + y[:, None, None]
    return {"train": x, "test": x[:30] + 0.1}, {"train": y, "test": y[:30]}


def test_pooling_is_over_the_steps_that_are_there():
    x, y = short_series()
    lengths = {part: torch.full((len(v),), 12) for part, v in x.items()}
    lengths["test"][0] = 4
    found = LabelledInputs(x, y, lengths, Values()).features("test")
    torch.testing.assert_close(found[0], x["test"][0, :4].amax(0).double())
    torch.testing.assert_close(found[1], x["test"][1].amax(0).double())


def test_classes_that_can_be_told_apart_are():
    x, y = short_series()
    lengths = {part: torch.full((len(v),), 12) for part, v in x.items()}
    settings = SeriesSvmConfig(penalties=[1.0, 10.0])
    good = evaluate_series_svm(LabelledInputs(x, y, lengths, Values()), settings, 0)
    assert good["svm_accuracy"] > 80
    wrong = {**y, "train": y["train"].roll(1)}
    bad = evaluate_series_svm(LabelledInputs(x, wrong, lengths, Values()), settings, 0)
    assert bad["svm_accuracy"] < 20


def test_few_series_are_fitted_without_a_search():
    x, y = short_series(40)
    flat = x["train"].flatten(1).numpy()
    assert fit_svm(flat, y["train"].numpy(), SeriesSvmConfig()).C == UNBOUNDED
    x, y = short_series(90)
    chosen = fit_svm(x["train"].flatten(1).numpy(), y["train"].numpy(), SeriesSvmConfig())
    assert chosen.C in SeriesSvmConfig().penalties
    few = SeriesSvmConfig(penalties=[1.0], max_samples=30)
    fitted = fit_svm(x["train"].flatten(1).numpy(), y["train"].numpy(), few)
    assert fitted.shape_fit_[0] == 30
