import pytest
import torch

from common.data.regression.config import RegressionConfig
from common.data.regression.module import RegressionData
from common.plots.draw import to_png
from papers.supremix.baselines import Regressor
from papers.supremix.config import RegressorConfig, SupReMixConfig
from papers.supremix.module import SupReMix
from papers.supremix.plots import draw, main_components


@pytest.fixture
def data():
    found = RegressionData(RegressionConfig(name="diabetes", batch_size=32), 0)
    found.load()
    return found


def make(data, baseline):
    torch.manual_seed(0)
    if baseline:
        return Regressor(RegressorConfig(backbone="mlp"), None, data.facts).eval()
    config = SupReMixConfig(backbone="mlp", hidden_dim=8, output_dim=4)
    return SupReMix(config, None, data.facts).eval()


@pytest.mark.parametrize(("baseline", "what"), [(False, "projected vectors"), (True, "features")])
def test_both_plots_are_drawn_of_test_samples(data, baseline, what):
    figures = {name: make_one() for name, make_one in draw(make(data, baseline), data).items()}
    assert set(figures) == {"embedding_by_label", "predictions"}
    title = " ".join(figures["embedding_by_label"].get_suptitle().split())
    assert title.startswith(f"44 test {what}")
    dots = figures["embedding_by_label"].axes[0].collections[0]
    assert torch.equal(torch.tensor(dots.get_array()).float(), data.parts["test"].targets)
    for figure in figures.values():
        assert to_png(figure).startswith(b"\x89PNG")


def test_main_components_keep_distances_of_flat_points():
    plane = torch.randn(20, 2, dtype=torch.float64) @ torch.randn(2, 6, dtype=torch.float64)
    points, share = main_components(plane)
    assert share == pytest.approx(1)
    torch.testing.assert_close(torch.cdist(points, points), torch.cdist(plane, plane))


def test_one_point_is_drawn_as_one_point():
    points, share = main_components(torch.ones(5, 3, dtype=torch.float64))
    assert share == 0 and points.abs().max() < 1e-12
