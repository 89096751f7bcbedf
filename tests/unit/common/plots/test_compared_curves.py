import pytest

from common.plots.curves import compared_curves
from common.plots.style import to_png
from common.results import comparison
from common.results.comparison import side_by_side
from common.results.groups import Code


@pytest.fixture(autouse=True)
def code(monkeypatch):
    monkeypatch.setattr(comparison, "present_code", lambda records, root: Code())


def test_each_arm_has_a_line_a_seed_and_their_mean_against_the_epoch(make_record):
    def record(seed, variant, values):
        curve = [[batch, value] for batch, value in zip((10, 20), values, strict=True)]
        curves = {"val/top1": curve, "train/loss": curve, "diag/std": curve}
        return make_record(seed=seed, variant=variant, run_id=f"{variant}{seed}", curves=curves)

    records = [record(0, None, (1, 2)), record(1, None, (3, 6)), record(0, "other", (5, 5))]
    figure = compared_curves(side_by_side(records))
    _, top1 = figure.axes
    assert [axes.get_title() for axes in figure.axes] == [
        "train/loss on cifar10",
        "val/top1 on cifar10",
    ]
    lines = [line for line in top1.lines if len(line.get_xdata())]
    assert lines[0].get_xdata().tolist() == [1.0, 2.0], "20 batches are two epochs"
    assert [line.get_ydata().tolist() for line in lines] == [
        [1, 2],
        [3, 6],
        [2, 4],
        [5, 5],
        [5, 5],
    ]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["swav/cifar10", "swav/cifar10:other"]
    assert to_png(figure).startswith(b"\x89PNG")
    watched = compared_curves(side_by_side(records), ("diag/",), "Watched")
    assert [axes.get_title() for axes in watched.axes] == ["diag/std on cifar10"]


def test_an_arm_looks_alike_in_every_panel_and_in_the_legend(make_record):
    curves = {"train/loss": [[10, 1.0], [20, 2.0]]}
    arms = [("a", "1" * 16), ("b", "2" * 16), ("b", "1" * 16)]
    records = [
        make_record(variant=name, data_hash=data, run_id=name + data, curves=curves)
        for name, data in arms
    ]
    figure = compared_curves(side_by_side(records))
    handles = {t.get_text(): h for t, h in zip(*_legend(figure), strict=True)}
    other = figure.axes[1].lines[0]
    assert other.get_color() == handles["swav/cifar10:b"].get_color()
    assert handles["swav/cifar10:a"].get_color() != other.get_color()


def _legend(figure):
    (legend,) = figure.legends
    return legend.get_texts(), legend.legend_handles


def test_records_without_curves_give_no_image(make_record):
    assert compared_curves(side_by_side([make_record()])) is None
