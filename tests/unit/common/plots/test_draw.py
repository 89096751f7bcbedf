import dataclasses
import io
import random
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from common.errors import LikewiseError
from common.paper import get_paper
from common.plots import draw
from common.plots.draw import draw_plots

PAPER = dataclasses.replace(get_paper("swav"), name="plotted", modalities=("graphs",))


def line():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [0, 1])
    return figure


def broken():
    raise ValueError("no  such\nthing")


@pytest.fixture(autouse=True)
def package(monkeypatch):
    monkeypatch.setattr("common.paper.packages", lambda: {PAPER.name: "papers.plotted"})


@pytest.fixture
def plot(monkeypatch, tmp_path):
    """Draws for a paper whose plots.py has the given ``draw``; returns files and warnings."""

    def run(function, module=None):
        name = "papers.plotted.plots"
        own = ModuleType(name)
        own.draw = function
        monkeypatch.setitem(sys.modules, name, own)
        monkeypatch.setattr(draw, "find_spec", lambda asked: asked == name)
        said = []
        module = module or torch.nn.Linear(1, 1)
        return draw_plots(PAPER, module, None, None, tmp_path / "plots", said.append), said

    return run


def test_each_plot_becomes_a_png(plot, tmp_path):
    files, said = plot(lambda module, data: {"rising": line, "again": line})
    assert files == [tmp_path / "plots" / "rising.png", tmp_path / "plots" / "again.png"]
    for path in files:
        image = Image.open(io.BytesIO(path.read_bytes()))
        image.load()
        assert (image.format, image.size) == ("PNG", (220, 110))
    assert said == []
    assert len(list((tmp_path / "plots").iterdir())) == 2


def test_a_failing_plot_is_named_once_and_costs_no_other(plot):
    files, said = plot(lambda module, data: {"a": broken, "b": line, "c": broken})
    assert [path.name for path in files] == ["b.png"]
    (warning,) = said
    assert "not drawn: a (ValueError: no such thing); c (ValueError" in warning


def test_plots_that_cannot_even_be_listed_are_named(plot):
    files, said = plot(lambda module, data: broken())
    assert files == []
    assert "the plots of plotted (ValueError: no such thing)" in said[0]


def test_a_full_disk_costs_the_images_only(plot, monkeypatch):
    def full(path, content):
        raise LikewiseError(f"{path}: could not be written")

    monkeypatch.setattr(draw, "write_atomic", full)
    files, said = plot(lambda module, data: {"a": line})
    assert files == [] and "could not be written" in said[0]


def test_a_paper_without_plots_says_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(draw, "find_spec", lambda asked: None)
    said = []
    plots = tmp_path / "plots"
    assert draw_plots(PAPER, torch.nn.Linear(1, 1), None, None, plots, said.append) == []
    assert said == [] and list(tmp_path.iterdir()) == []


def test_random_states_and_mode_are_left_as_they_were(plot):
    def draws():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    def noisy():
        draws()
        assert not module.training and not torch.is_grad_enabled()
        return line()

    module = torch.nn.Linear(1, 1)
    torch.manual_seed(0), random.seed(0), np.random.seed(0)  # noqa: NPY002
    expected = draws()
    torch.manual_seed(0), random.seed(0), np.random.seed(0)  # noqa: NPY002
    _, said = plot(lambda module, data: {"noisy": noisy, "failing": broken}, module)
    assert draws() == expected
    assert module.training and torch.is_grad_enabled()
    assert len(said) == 1


def test_a_paper_may_draw_by_how_it_was_measured(plot):
    files, _ = plot(lambda module, data, evaluation: {f"of-{evaluation}": line})
    assert [path.stem for path in files] == ["of-None"]
