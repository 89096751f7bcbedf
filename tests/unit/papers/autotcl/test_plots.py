from types import SimpleNamespace

import pytest
import torch

from common.data.series.config import SeriesConfig, SeriesFacts
from common.data.series.module import SeriesData
from common.data.series.sets import LabelledSeries
from common.evaluation.series_inputs import LabelledInputs
from common.plots.draw import to_png
from papers.autotcl import plots
from papers.autotcl.config import AutoTCLConfig, TS2VecConfig
from papers.autotcl.module import AutoTCL
from papers.autotcl.plots import draw, forecast, shortened
from papers.autotcl.ts2vec import TS2Vec

SMALL = {"hidden_dim": 4, "depth": 1, "output_dim": 5}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(plots, "FITTED", 150)


def measured(*horizons):
    settings = SimpleNamespace(horizons=list(horizons))
    return SimpleNamespace(settings={"forecasting": settings}.__getitem__)


def make_data():
    data = SeriesData(SeriesConfig(length=100, batch_size=8, window=30, num_steps=3_000), 0)
    data.load()
    return data


def make_module(view="learned"):
    torch.manual_seed(0)
    sizes = {"augmenter_hidden_dim": 4, "augmenter_dim": 4}
    config = AutoTCLConfig(**SMALL, lengths=[1, 2], view=view, **sizes)
    return AutoTCL(config, None, SeriesFacts(1, 100, 10))


def test_a_forecast_is_drawn_with_mask_and_truth():
    figures = {
        name: make() for name, make in draw(make_module(), make_data(), measured(24, 96)).items()
    }
    assert set(figures) == {"forecast"}
    axes = figures["forecast"].axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["observed", "forecast", "mask score h", "noise (the truth)"]
    observed, predicted = axes.lines[:2]
    assert predicted.get_xdata().tolist() == list(range(1, 97))
    assert observed.get_xdata()[-1] == 96
    assert to_png(figures["forecast"]).startswith(b"\x89PNG")


def test_horizons_that_the_series_cannot_hold_are_not_drawn():
    axes = draw(make_module(), make_data(), measured(24, 5_000))["forecast"]().axes[0]
    assert axes.lines[1].get_xdata()[-1] == 24


def make_ts2vec():
    torch.manual_seed(0)
    return TS2Vec(TS2VecConfig(**SMALL), None, SeriesFacts(1, 100, 10))


@pytest.mark.parametrize("module", [make_ts2vec(), make_module("open")])
def test_a_network_that_learns_no_mask_is_drawn_without(module):
    figure = draw(module, make_data(), measured(8))["forecast"]()
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "mask score h" not in labels and "forecast" in labels


def test_series_with_classes_are_drawn_by_class():
    y = torch.tensor([0, 2, 1, 0, 2])
    x = torch.randn(5, 20, 1, generator=torch.Generator().manual_seed(0))
    inputs = LabelledInputs({"test": x}, {"test": y}, {"test": torch.full((5,), 20)}, make_module())
    data = SimpleNamespace(
        long=None,
        labelled=LabelledSeries({}, {}, ("up", "down", "flat")),
        evaluation_inputs=lambda module, split: inputs,
    )
    axes = draw(inputs.module, data, measured())["classes"]().axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["up", "down", "flat"]
    assert [len(dots.get_offsets()) for dots in axes.collections] == [2, 1, 2]


def test_what_is_drawn_lies_in_the_validation_part():
    series = make_data().long
    short = shortened(series, 30, 48)
    start, end = short.parts["val"]
    assert torch.equal(short.targets[:, start:end], series.targets[:, 1_800:2_248])
    step, predicted = forecast(make_module().eval(), short, 30, 48)
    assert start <= step < end - 48 and predicted.shape == (48,)
