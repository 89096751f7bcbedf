import pytest
import torch
from torch import nn

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.evaluation import DenseImages, EvaluatedImages, first_two
from common.data.images.sets import Split
from common.errors import DataError
from common.evaluation.features import ImageInputs
from papers.pixpro.config import CorrespondenceConfig
from papers.pixpro.correspondence import evaluate_correspondence, places, retrieval
from papers.pixpro.geometry import cell_distances

CPU = torch.device("cpu")
VIEW = ViewConfig(count=2, size=16, area=[0.3, 0.8], flip=0.5)


class Places(nn.Module):
    """Its map tells each cell's place, which the images show in their colours."""

    def __init__(self, blind=False):
        super().__init__()
        self.blind = blind
        self.scale = nn.Parameter(torch.ones(()))

    @property
    def backbone(self):
        return self

    def feature_map(self, images):
        x, y = (nn.functional.avg_pool2d(images[:, :2], 4) * self.scale).unbind(1)
        if self.blind:
            x, y = torch.zeros_like(x), torch.zeros_like(y)
        # The cosine of these is largest at the same place.
        angles = torch.stack([x, y], 1) * torch.pi / 2
        return torch.cat([angles.cos(), angles.sin()], 1)


def coordinates(num, height=24, width=40):
    """Returns images whose red is the column and whose green is the row, 0 to 1."""
    x = torch.linspace(0, 1, width).expand(height, width)
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    return Split(torch.stack([x, y, x]).repeat(num, 1, 1, 1), torch.full((num,), -1))


def make_inputs(module, num=80, view=VIEW, **options):
    split, config = coordinates(num), ImageConfig(views=[view], **options)
    dense = DenseImages(split, config)
    return ImageInputs(module, *[EvaluatedImages(split, config)] * 2, (dense, dense))


def test_features_that_tell_the_place_find_it_and_blind_ones_guess():
    found = evaluate_correspondence(make_inputs(Places()), CorrespondenceConfig(), 0)
    assert found["correspondence_top1"] > 90
    blind = evaluate_correspondence(make_inputs(Places(blind=True)), CorrespondenceConfig(), 0)
    # All alike: the first cell is taken, right about as often as any.
    assert blind["correspondence_top1"] < 15
    assert blind["correspondence_chance"] == found["correspondence_chance"]
    assert 2 < found["correspondence_chance"] < 20


def test_retrieval_by_hand():
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 3, 2, 3, generator=generator) for _ in range(2)]
    whole, left = [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.4, 1.0]
    given = [torch.tensor([whole, left]), torch.tensor([left, [0.9, 0.0, 1.0, 1.0]])]
    near = cell_distances(given[0], given[1], (2, 3), (2, 3)) < 0.7
    right = chance = cells = 0.0
    for n in range(2):
        for cell in range(6):
            one = maps[0][n].flatten(1)[:, cell]
            cosines = [
                float(torch.cosine_similarity(one, maps[1][n].flatten(1)[:, other], dim=0))
                for other in range(6)
            ]
            right += bool(near[n, cell, cosines.index(max(cosines))])
            chance += float(near[n, cell].double().mean())
            cells += bool(near[n, cell].any())
    assert 0 < cells < 12, "some cells must have no counterpart"
    assert retrieval(maps, given, 0.7).tolist() == pytest.approx([right, chance, cells])


def test_views_are_drawn_as_the_recipe_draws_them_from_seed_and_draw():
    images = DenseImages(coordinates(70), ImageConfig(views=[VIEW]))

    def views(seed, epoch):
        return torch.cat(
            [torch.stack(batch.views) for batch in images.pairs((seed, epoch), CPU)], 1
        )

    assert views(1, 5).shape == (2, 70, 3, 16, 16)
    assert torch.equal(views(1, 5), views(1, 5))
    assert not torch.equal(views(1, 5), views(1, 6)) and not torch.equal(views(1, 5), views(2, 5))


def test_the_first_two_views_serve_and_a_single_one_serves_twice():
    large, small = ViewConfig(count=1, size=9), ViewConfig(count=3, size=5)
    assert [v.size for v in first_two([large, small])] == [9, 5]
    assert [v.size for v in first_two([small, large])] == [5, 5]
    assert [(v.size, v.count) for v in first_two([large])] == [(9, 1), (9, 1)]


def test_more_draws_are_other_pairs():
    inputs = make_inputs(Places(), num=20)
    one = evaluate_correspondence(inputs, CorrespondenceConfig(draws=1), 0)
    three = evaluate_correspondence(inputs, CorrespondenceConfig(draws=3), 0)
    assert one["correspondence_chance"] != three["correspondence_chance"]
    assert evaluate_correspondence(inputs, CorrespondenceConfig(draws=3), 0) == three


def test_turned_views_and_views_that_never_meet_are_refused():
    turned = make_inputs(Places(), num=4, view=ViewConfig(count=2, size=16, rotation=0.2))
    with pytest.raises(DataError, match="views are turned"):
        evaluate_correspondence(turned, CorrespondenceConfig(), 0)
    never = make_inputs(Places(), num=4)
    with pytest.raises(DataError, match="no two views share a place"):
        evaluate_correspondence(never, CorrespondenceConfig(threshold=1e-9), 0)


def test_places_follow_the_crops_and_their_mirror():
    split = DenseImages(coordinates(30), ImageConfig(views=[VIEW]))
    batch = next(iter(split.pairs((0, 0), CPU)))
    found = torch.cat(places(batch))
    flips = torch.cat([crops[:, 4] for crops in batch.crops]) > 0
    assert flips.any() and not flips.all()
    assert torch.equal(found[:, 0] > found[:, 2], flips)
