import pytest
import torch
from torch import nn

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.module import ImageData
from common.methods.config import SimCLRConfig
from common.methods.simclr import SimCLR
from papers.pixpro.config import PixProConfig
from papers.pixpro.module import PixPro
from papers.pixpro.plots import RIGHT, WRONG, centre, draw, matches, shown

VIEW = ViewConfig(count=2, size=32, area=[0.3, 1.0], noise=0.2)
WHOLE, LEFT, RIGHT_HALF = [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.4, 1.0], [0.6, 0.0, 1.0, 1.0]


@pytest.fixture(scope="module")
def data():
    config = ImageConfig(name="digit-scenes", holdout=0.0, views=[VIEW], mean=[0.3], std=[0.2])
    made = ImageData(config, seed=1)
    made.load()
    return made


@pytest.mark.parametrize("method", ["pixpro", "simclr"])
def test_lines_go_from_cells_to_the_most_similar_ones(data, method):
    if method == "pixpro":
        module = PixPro(PixProConfig(backbone="small_conv"), facts=data.facts).eval()
    else:
        module = SimCLR(SimCLRConfig(backbone="small_conv"), facts=data.facts).eval()
    figure = draw(module, data)["correspondence"]()
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert len(axes.images) == 2 and 1 <= len(axes.lines) <= 12
        assert {line.get_color() for line in axes.lines} <= {RIGHT, WRONG}
    lines = [line for axes in figure.axes for line in axes.lines]
    green = sum(line.get_color() == RIGHT for line in lines)
    assert f"{green} of {len(lines)} show the same place" in figure.get_suptitle()


def test_a_module_without_feature_map_has_none(data):
    assert draw(nn.Linear(2, 2), data) == {}


def test_matches_are_the_nearest_and_judged_by_their_place():
    # Two cells a view; the second image's views show its halves, which do not meet.
    likes = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 2, 1, 2)
    swapped = likes.flip(3)
    coordinates = [torch.tensor([WHOLE, WHOLE, LEFT]), torch.tensor([WHOLE, WHOLE, RIGHT_HALF])]
    maps = [torch.cat([likes, likes, likes]), torch.cat([likes, swapped, likes])]
    first, second, right = matches(maps, coordinates, 0.3)
    assert first[:, :2].tolist() == [[0, 1], [0, 1], [-1, -1]] and (first[:, 2:] == -1).all()
    assert second[:2, :2].tolist() == [[0, 1], [1, 0]]
    assert right[:, :2].tolist() == [[True, True], [False, False], [False, False]]


def test_views_are_shown_as_they_were_before_normalisation():
    config = ImageConfig(mean=[0.5], std=[0.25])
    view = torch.tensor([[[-2.0, 0.0], [2.0, 9.0]]])
    assert shown(view, config)[..., 0].tolist() == [[0.0, 0.5], [1.0, 1.0]]
    assert shown(view, config).shape == (2, 2, 3)


def test_centres_are_in_pixels_of_the_view():
    assert centre(5, torch.zeros(1, 1, 2, 4), torch.zeros(8, 16, 3)) == (6.0, 6.0)
