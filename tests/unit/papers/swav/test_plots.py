import pytest
import torch
from torch import nn

from common.data.images.config import ImageConfig
from common.data.images.module import ImageData
from papers.swav.config import DeepClusterConfig, SwAVConfig
from papers.swav.deepcluster import DeepClusterV2
from papers.swav.module import SwAV
from papers.swav.plots import draw, most_used, prototype_scores

SMALL = {"backbone": "small_conv", "hidden_dim": 8, "output_dim": 8}


@pytest.fixture(scope="module")
def data():
    made = ImageData(ImageConfig(holdout=0.0), seed=1)
    made.load()
    return made


def modules(data):
    deep = DeepClusterConfig(**SMALL, num_prototypes=[20, 5])
    found = SwAV(SwAVConfig(**SMALL, num_prototypes=20), facts=data.facts)
    clusters = DeepClusterV2(deep, facts=data.facts)
    clusters.prototypes.normal_(generator=torch.Generator().manual_seed(0))
    return {"swav": found.eval(), "deepcluster": clusters.eval()}


@pytest.mark.parametrize("name", ["swav", "deepcluster"])
def test_prototypes_are_shown_with_their_images(data, name):
    module = modules(data)[name]
    assert prototype_scores(module, torch.rand(3, 1, 20, 20)).shape == (3, 20)
    with torch.no_grad():
        figure = draw(module, data)["prototypes"]()
    (axes,) = figure.axes
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert 1 <= len(rows) <= 10 and all(row.endswith(" %") for row in rows)
    shares = [float(row.split(": ")[1].rstrip(" %")) for row in rows]
    assert shares == sorted(shares, reverse=True)
    title = figure.get_suptitle().replace("\n", " ")
    assert "of 20 prototypes" in title and title.endswith(" nearest to some image")


def test_one_prototype_alone_is_said_as_one(data):
    module = DeepClusterV2(DeepClusterConfig(**SMALL, num_prototypes=[2, 5]), facts=data.facts)
    assert not module.prototypes.any(), "so that the first is the nearest to all"
    with torch.no_grad():
        figure = draw(module.eval(), data)["prototypes"]()
    assert figure.get_suptitle().replace("\n", " ").endswith("; 1 is nearest to some image")


def test_a_baseline_has_none(data):
    assert draw(nn.Linear(2, 2), data) == {}


def test_the_most_used_come_first_and_the_unused_not_at_all():
    scores = torch.tensor([[0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [0.7, 0.1, 0.0]])
    counts, shown = most_used(scores, 5)
    assert counts.tolist() == [1, 2, 0]
    assert shown.tolist() == [1, 0]
