import dataclasses

import pytest
import torch

from common.paper import get_paper
from common.plots import draw
from common.plots.curves import (
    MOST_PANELS,
    batches_per_epoch,
    draw_run,
    learning_curves,
    measured_curves,
    panels_of,
)
from common.plots.draw import draw_plots

PAPER = dataclasses.replace(get_paper("swav"), name="undrawn", modalities=("graphs",))


@pytest.fixture(autouse=True)
def package(monkeypatch):
    monkeypatch.setattr("common.paper.packages", lambda: {PAPER.name: "papers.undrawn"})


def write(folder, *rows):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.csv").write_text("\n".join(["batch,epoch,key,value", *rows, ""]))
    return folder


@pytest.fixture
def run(tmp_path):
    rows = [f"{batch},{batch // 40},val/hr@10,0.{batch}" for batch in (20, 40, 60)]
    rows += [f"{batch},{batch // 40},val/hr@5,0.{batch - 10}" for batch in (20, 40, 60)]
    rows += ["40,0,val/ndcg@5,0.1", "60,1,val/ndcg@5,0.2", "60,1,val/once,0.3"]
    rows += ["40,0,train/epoch_loss,2.0", "80,1,train/epoch_loss,1.0", "40,0,diag/rank,3"]
    return write(tmp_path / "beauty" / "a-run", *rows)


def test_a_panel_for_each_measure_and_a_line_for_each_cutoff(run):
    figure = learning_curves(run, measured_curves(run))
    hits, gains = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["hr", "ndcg"]
    assert [line.get_label() for line in hits.lines] == ["hr@5", "hr@10"]
    assert hits.lines[1].get_xdata().tolist() == [0.5, 1.0, 1.5]
    assert hits.lines[1].get_ydata().tolist() == [0.2, 0.4, 0.6]
    assert gains.get_xlabel() == "epoch"
    assert "beauty, run a-run" in figure.get_suptitle()


def test_before_the_end_of_an_epoch_batches_are_counted(tmp_path):
    run = write(tmp_path, "5,0,val/top1,1", "9,0,val/top1,2")
    assert batches_per_epoch(run) is None
    (axes,) = learning_curves(run, measured_curves(run)).axes
    assert axes.get_xlabel() == "batch" and axes.lines[0].get_xdata().tolist() == [5, 9]


def test_an_epoch_is_as_long_as_the_first_that_ended_says(tmp_path):
    assert batches_per_epoch(write(tmp_path, "90,2,train/epoch_loss,1")) == 30


def test_what_was_measured_once_or_not_at_all_is_no_curve(run, tmp_path):
    assert "val/once" not in measured_curves(run)
    assert measured_curves(tmp_path / "nowhere") == {}
    assert len(panels_of({f"val/{name}": {} for name in "abcdefghij"})) == MOST_PANELS


def test_every_run_that_has_curves_shows_them_or_else_its_loss(run, monkeypatch):
    monkeypatch.setattr(draw, "find_spec", lambda name: None)
    said = []
    module = torch.nn.Linear(1, 1)
    files = draw_plots(PAPER, module, None, None, run / "plots", said.append)
    assert [path.name for path in files] == ["learning_curves.png"] and not said
    empty = write(run.parent / "other", "40,0,train/epoch_loss,2.0")
    assert draw_plots(PAPER, module, None, None, empty / "plots", said.append) == []
    unmeasured = write(run.parent / "third", "1,0,train/epoch_loss,2.0", "2,1,train/epoch_loss,1.0")
    (axes,) = draw_run(unmeasured)["learning_curves"]().axes
    assert axes.lines[0].get_xdata().tolist() == [1, 2] and axes.get_xlabel() == "epoch"
    assert axes.lines[0].get_ydata().tolist() == [2, 1]
    assert "Training loss of beauty" in axes.figure.get_suptitle()
    (empty / "metrics.csv").write_text("torn\n")
    assert draw_plots(PAPER, module, None, None, empty / "plots", said.append) == []
    assert "the plots of the run" in said[0]
