import pytest
import torch
from torch import nn

from common.config.recipe import load_recipe
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.evaluation import DenseImages, EvaluatedImages
from common.data.images.sets import Split
from common.errors import ConfigError, DataError, LikewiseError
from common.evaluation.features import ImageInputs
from common.evaluation.run_protocols import run_protocols
from papers.amcl.config import PairAucConfig
from papers.amcl.pair_auc import evaluate_pair_auc, pair_area, unit_heads
from tests.recipes import evaluation

CPU = torch.device("cpu")
VIEW = ViewConfig(count=2, size=8, area=[0.5, 1.0])


class Encoder(nn.Module):
    """Features are the mean colour; what ``project`` makes of them is given."""

    def __init__(self, project=None):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        if project is not None:
            self.project = project

    def embed(self, images):
        assert not self.training
        return images.mean((2, 3)) * self.scale - 0.5


def make_inputs(module, num=40, seed=0, **view):
    generator = torch.Generator().manual_seed(seed)
    # One colour an image, and no labels.
    images = torch.rand(num, 3, 1, 1, generator=generator).expand(num, 3, 12, 12).contiguous()
    split = Split(images, torch.full((num,), -1))
    config = ImageConfig(views=[ViewConfig(**{**vars(VIEW), **view})])
    dense = DenseImages(split, config)
    return ImageInputs(module.train(), *[EvaluatedImages(split, config)] * 2, (dense, dense))


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    second = first + torch.randn(7, 3, generator=generator, dtype=torch.float64)
    second[2] = second[4]  # ties count half
    products = first @ second.T
    positive = [products[i, i] for i in range(7)]
    negative = [products[i, j] for i in range(7) for j in range(7) if i != j]
    right = sum(float(p > n) + float(p == n) / 2 for p in positive for n in negative)
    expected = 100 * right / len(positive) / len(negative)
    assert 50 < expected < 100
    assert pair_area(first, second) == pytest.approx(expected, rel=1e-12)


def test_features_that_know_the_image_separate_and_blind_ones_guess():
    found = evaluate_pair_auc(make_inputs(Encoder()), PairAucConfig(), 0)
    assert found.keys() == {"pair_auc"} and found["pair_auc"] > 99
    blind = Encoder(lambda images: torch.ones(len(images), 4))
    found = evaluate_pair_auc(make_inputs(blind), PairAucConfig(), 0)
    assert found["pair_auc"] > 99 and found["pair_auc_head"] == 50


def test_noise_makes_it_harder():
    easy, hard = (
        evaluate_pair_auc(make_inputs(Encoder(), noise=noise), PairAucConfig(), 0)["pair_auc"]
        for noise in (0.0, 3.0)
    )
    assert easy > hard + 5


def test_heads_count_with_their_mean_cosine():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5, 3, 4, generator=generator)
    cosines = torch.stack([torch.cosine_similarity(a[:, c], b[:, c]) for c in range(3)]).mean(0)
    torch.testing.assert_close((unit_heads(a) * unit_heads(b)).sum(1).float(), cosines)
    one = torch.cosine_similarity(a[:, 0], b[:, 0])
    torch.testing.assert_close((unit_heads(a[:, 0]) * unit_heads(b[:, 0])).sum(1).float(), one)


def test_images_and_views_are_drawn_by_the_seed():
    inputs = make_inputs(Encoder(), noise=1.0)
    few = PairAucConfig(max_images=20)
    assert evaluate_pair_auc(inputs, few, 0) == evaluate_pair_auc(inputs, few, 0)
    assert evaluate_pair_auc(inputs, few, 0) != evaluate_pair_auc(inputs, few, 1)
    assert inputs.module.training, "left in its mode"


def test_so_many_images_are_drawn_from_all_of_the_split():
    split = Split(
        torch.arange(200.0).view(-1, 1, 1, 1).expand(200, 1, 2, 2) / 200, torch.zeros(200)
    )
    images = DenseImages(split, ImageConfig(views=[ViewConfig(count=2, size=2)]))

    def shown(most):
        batches = list(images.pairs((0, 1), CPU, most))
        first, second = (torch.cat([batch.views[v] for batch in batches]) for v in (0, 1))
        torch.testing.assert_close(first, second)  # one colour each: the pairs belong together
        return (first[:, 0, 0, 0] * 200).round().int().tolist()

    assert shown(None) == shown(500) == list(range(200))
    drawn = shown(100)
    assert len(drawn) == len(set(drawn)) == 100 and max(drawn) > 150 and drawn != sorted(drawn)


def test_what_cannot_be_measured():
    with pytest.raises(DataError, match="one tested image has no other"):
        evaluate_pair_auc(make_inputs(Encoder(), num=1), PairAucConfig(), 0)
    diverged = Encoder(lambda images: torch.full((len(images), 4), torch.nan))
    with pytest.raises(LikewiseError, match=r"cosines of views: .* NaN"):
        evaluate_pair_auc(make_inputs(diverged), PairAucConfig(), 0)


def test_it_is_a_protocol_without_labels():
    found = run_protocols(["pair-auc"], make_inputs(Encoder()), evaluation("amcl"), 0, "test/")
    assert found.keys() == {"test/pair_auc"}
    recipe = load_recipe("amcl/quick", ["evaluation.protocols=[pair-auc]"])
    assert recipe.evaluation.pair_auc.max_images == 500
    with pytest.raises(ConfigError, match=r"evaluation.pair_auc.max_images"):
        load_recipe("amcl/quick", ["evaluation.pair_auc.max_images=1"])
