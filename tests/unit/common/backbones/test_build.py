"""A network of the user's own as a backbone."""

import pytest
import torch
from torch import Tensor, nn

from common.backbones.build import FEATURE_MAP, build_image_backbone, own_backbone
from common.data.images.config import ImageFacts
from common.errors import ConfigError
from common.methods.config import SimCLRConfig
from tests.own_network import Cells, network

IMAGES = torch.zeros(2, 3, 16, 16)


class Fixed(nn.Module):
    """Takes images of 24 x 24 alone, as vision transformers do."""

    def __init__(self, num_features: int | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 24**2, 5)
        if num_features is not None:
            self.num_features = num_features

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1))


class Noisy(nn.Module):
    """Draws, and counts, in whatever mode."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.rand(len(x), 7)


def test_a_pass_shows_the_width_and_moves_nothing():
    given = nn.Sequential(network(), nn.Dropout())
    given.train()
    given[0][1].eval()  # a norm that its owner keeps still
    state = {name: value.clone() for name, value in given.state_dict().items()}
    drawn = torch.get_rng_state()
    found = own_backbone(given, IMAGES)
    assert found is given and found.num_features == 6
    assert all(torch.equal(value, state[name]) for name, value in given.state_dict().items())
    assert given.training and given[1].training and not given[0][1].training
    assert torch.equal(torch.get_rng_state(), drawn)
    own_backbone(Noisy(), IMAGES)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_the_facts_say_what_it_is_tried_on():
    facts = ImageFacts(size=24)
    assert build_image_backbone(SimCLRConfig(), facts, Fixed()).num_features == 5
    with pytest.raises(ConfigError, match=r"Fixed does not take \(2, 3, 32, 32\).*facts="):
        build_image_backbone(SimCLRConfig(), None, Fixed())
    said = build_image_backbone(SimCLRConfig(), None, Fixed(num_features=5))
    assert said.num_features == 5, "views are of other sizes than images: it is believed"


class Several(nn.Module):
    """Returns a map and a vector."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x.mean((2, 3))


class WithClassifier(nn.Module):
    """As timm's networks come: the width is that of before the classifier."""

    num_features = 6

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), 1000)


@pytest.mark.parametrize(
    ("given", "form", "says"),
    [
        ("resnet18", "(batch, features)", "torch.nn.Module, not str"),
        (nn.Conv2d(3, 4, 3), "(batch, features)", r"Tensor\(2, 4, 14, 14\)"),
        (Several(), "(batch, features)", r"\(Tensor\(2, 3, 16, 16\), Tensor\(2, 3\)\)"),
        (WithClassifier(), "(batch, features)", "num_features=6 and returns 1000"),
        (network(), FEATURE_MAP, r"no method feature_map\(images\)"),
    ],
)
def test_what_cannot_be_a_backbone_is_refused_by_what_is_needed(given, form, says):
    with pytest.raises(ConfigError, match=says):
        own_backbone(given, IMAGES, form=form)


def test_a_map_has_its_width_too():
    assert own_backbone(Cells(), IMAGES, form=FEATURE_MAP).num_features == 6


def test_weights_are_loaded_into_a_network_of_ones_own_by_its_owner():
    with pytest.raises(ConfigError, match="into your own"):
        build_image_backbone(SimCLRConfig(initial_weights="file.pt"), None, network())
