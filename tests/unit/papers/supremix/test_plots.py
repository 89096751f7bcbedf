import pytest
import torch

from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.module import RegressionData
from common.plots.draw import to_png
from papers.supremix.baselines import Regressor
from papers.supremix.config import RegressorConfig, SupReMixConfig
from papers.supremix.module import SupReMix
from papers.supremix.plots import draw


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
