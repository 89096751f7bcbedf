import numpy as np
import pytest
import torch

from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.paper import get_paper
from common.plots.draw import draw_plots
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec
from papers.mclrec.plots import bands, draw


@pytest.fixture(scope="module")
def data():
    data = SequenceData(SequenceConfig(num_users=60, batch_size=32, max_length=4), seed=0)
    data.load()
    return data


@pytest.fixture
def module(data):
    torch.manual_seed(0)
    return MCLRec(MCLRecConfig(dim=8, inner_dim=8), None, data.facts).eval()


def test_counts_are_cut_at_their_quantiles_and_named():
    labels, names = bands(np.array([7, 1, 2, 3, 4, 5, 6, 8, 2000]))
    assert names == ["1 to 3", "4 to 5", "6 to 7", "8 to 2,000"]
    assert labels.tolist() == [2, 0, 0, 0, 1, 1, 2, 3, 3]


def test_equal_counts_stay_in_one_band():
    labels, names = bands(np.array([1, 1, 1, 1, 1, 2]))
    assert names == ["1", "2"] and labels.tolist() == [0, 0, 0, 0, 0, 1]
    labels, names = bands(np.full(5, 3))
    assert names == ["3"] and labels.tolist() == [0] * 5


def test_items_and_users_have_a_map_each_and_nothing_is_disturbed(data, module, tmp_path):
    module.train()
    before, state = module.encoder.item_table().clone(), torch.get_rng_state()
    said = []
    files = draw_plots(get_paper("mclrec"), module, data, None, tmp_path / "plots", said.append)
    assert [path.name for path in files] == ["items_map.png", "users_map.png"] and not said
    assert module.training and module.encoder.item_table().equal(before)
    assert torch.get_rng_state().equal(state)


def test_a_point_stands_for_each_of_a_sample_coloured_by_its_actions(data, module):
    figure = draw(module, data)["users_map"]()
    points = [len(collection.get_offsets()) for collection in figure.axes[0].collections]
    labels, names = bands(data.sequences.lengths)
    assert points == torch.bincount(labels).tolist() and sum(points) == 60
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names
    figure = draw(module, data)["items_map"]()
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) == 600
    assert "600 items" in figure.get_suptitle()
