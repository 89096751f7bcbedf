import pytest
import torch

from common.config.recipe import load_recipe
from common.plots.draw import draw_plots, to_png
from common.runs.run import prepare_run
from papers.amcl import PAPER
from papers.amcl.plots import draw, temperatures

SMALL = ["method.hidden_dim=8", "method.output_dim=4", "method.temperature_hidden_dim=4"]
BASES = {
    "simclr": [],
    "moco": ["method.queue_length=256"],
    "simsiam": ["method.predictor_dim=4"],
    "barlow-twins": ["method.channel_batch=128", "method.temperature_init_scale=0.4"],
}


def make(*words):
    ready = prepare_run(load_recipe("amcl/quick", [*SMALL, *words]))
    return ready.module.eval(), ready.data


@pytest.mark.parametrize("base", BASES)
def test_every_head_has_its_histogram(base):
    module, data = make(f"method.base={base}", "method.num_heads=2", *BASES[base])
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        figure = draw(module, data)["temperatures"]()
        taus = temperatures(module, data)
    assert len(figure.axes) == len(taus) == 2
    kinds = 1 if base == "simsiam" else 2
    for axes, of_head in zip(figure.axes, taus, strict=True):
        assert len(axes.collections) + len(axes.patches) == kinds
        medians = [line.get_xdata()[0] for line in axes.lines]
        assert medians == pytest.approx(of_head.median(1).values.tolist())
    assert to_png(figure).startswith(b"\x89PNG")
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), f"{name}: drawing must not train"


def test_temperatures_at_the_floor_are_within_the_image():
    module, data = make("method.temperature_init_scale=30")
    with torch.no_grad():
        figure = draw(module, data)["temperatures"]()
    left, right = figure.axes[0].get_xlim()
    assert left < 1e-5 and right > 2
    # Outlined shares of all pairs: none has fallen out of the bins.
    for patch in figure.axes[0].patches:
        assert patch.get_xy()[:, 1].max() == pytest.approx(100, abs=0.01)


def test_without_temperatures_there_is_nothing_to_draw():
    for words in (["method.temperature=constant"],):
        assert draw(*make(*words)) == {}
    ready = prepare_run(load_recipe("amcl/quick:simclr"))
    assert draw(ready.module, ready.data) == {}


def test_the_run_folder_gets_the_image(tmp_path):
    module, data = make()
    files = draw_plots(PAPER, module, data, None, tmp_path, pytest.fail)
    assert "temperatures.png" in {path.name for path in files}
