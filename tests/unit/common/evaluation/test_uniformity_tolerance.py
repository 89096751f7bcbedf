"""Uniformity, both readings of tolerance and the nearest negatives, against loops over pairs."""

import pytest
import torch
from torch import nn

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.evaluation import DenseImages, EvaluatedImages
from common.data.images.sets import Split
from common.errors import LikewiseError
from common.evaluation import uniformity_tolerance as measured
from common.evaluation.features import ImageInputs
from common.evaluation.image_config import UniformityToleranceConfig
from common.evaluation.uniformity_tolerance import (
    contrasted,
    evaluate_uniformity_tolerance,
    nearest_negatives,
    tolerance,
)


class Encoder(nn.Module):
    """Features are the mean colour."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))

    def embed(self, images):
        return images.mean((2, 3)) - 0.5 + self.shift


def rows(num=7, dim=3, seed=0):
    drawn = torch.randn(num, dim, generator=torch.Generator().manual_seed(seed)).double()
    return drawn / drawn.norm(dim=1, keepdim=True)


def make_inputs(module):
    images = torch.rand(40, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    split = Split(images.expand(40, 3, 12, 12).contiguous(), torch.arange(40) % 3)
    config = ImageConfig(views=[ViewConfig(count=2, size=8, area=[0.5, 1.0], flip=0.0)])
    dense = DenseImages(split, config)
    return ImageInputs(module, *[EvaluatedImages(split, config)] * 2, (dense, dense))


def test_equal_embeddings_tell_the_two_readings_apart():
    f, labels = torch.ones(20, 1).double(), torch.arange(20) % 10
    assert float(tolerance(f, labels)) == pytest.approx(1.0)
    # The share of pairs of one class: no table of ten classes could show more.
    assert float(tolerance(f, labels, all_pairs=True)) == pytest.approx(0.1)


@pytest.mark.parametrize("chunk", [2, 1024])
def test_the_nearest_negatives_are_other_images(monkeypatch, chunk):
    monkeypatch.setattr(measured, "CHUNK", chunk)
    f, g = rows(), rows(seed=1)
    g[3] = f[3]  # its own view is nearest, and no negative
    expected = []
    for i in range(7):
        expected.append(sorted((float(f[i] @ g[j]) for j in range(7) if j != i), reverse=True)[:2])
    found = nearest_negatives(f, g, 2)
    torch.testing.assert_close(found, torch.tensor(expected).double().mean(0))
    assert len(nearest_negatives(f, g, 10)) == 6


def test_what_the_module_projects_is_measured_and_features_where_it_does_not():
    module = Encoder()
    plain = evaluate_uniformity_tolerance(make_inputs(module), UniformityToleranceConfig(), 0)
    assert len([name for name in plain if name.startswith("top_negative")]) == 10
    assert plain["uniformity"] < -0.5 and plain["positive_similarity"] == pytest.approx(1.0)
    module.project = lambda images: torch.ones(len(images), 4)
    alike = evaluate_uniformity_tolerance(make_inputs(module), UniformityToleranceConfig(), 0)
    assert alike["uniformity"] == pytest.approx(0) and alike["tolerance"] == pytest.approx(1)
    assert module.training


def test_of_several_heads_the_mean_cosine_counts():
    heads = rows(12, 5).reshape(4, 3, 5)
    module = Encoder()
    module.project = lambda images: heads
    z = contrasted(module, torch.zeros(4))
    torch.testing.assert_close(z @ z.T, torch.einsum("ihd,jhd->hij", heads, heads).mean(0))


def test_what_learns_nothing_is_not_measured():
    inputs = make_inputs(None)
    assert evaluate_uniformity_tolerance(inputs, UniformityToleranceConfig(), 0) == {}


def test_a_network_that_diverged_is_told():
    network = Encoder()
    network.shift.data.fill_(torch.nan)
    with pytest.raises(LikewiseError, match=r"embeddings: .* NaN"):
        evaluate_uniformity_tolerance(make_inputs(network), UniformityToleranceConfig(), 0)
