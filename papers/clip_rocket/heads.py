"""CLIP-rocket's networks behind the towers: one for images, one for texts, for views apart."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from common.losses.precision import unit
from common.methods.heads import mlp
from common.methods.two_tower import TwoTower
from papers.clip_rocket.config import ClipRocketConfig
from papers.clip_rocket.loss import Sides


class Heads(nn.Module):
    """A network for each side, which every view passes alone.

    Args:
        make: Returns the network for so many inputs.
        inputs: What the data give of images and texts.
        separate: Strong views have networks of their own.
    """

    def __init__(
        self, make: Callable[[int], nn.Module], inputs: Sequence[int], separate: bool = False
    ) -> None:
        super().__init__()
        self.image, self.text = (make(count) for count in inputs)
        self.strong = Heads(make, inputs) if separate else None

    def forward(self, features: Sides) -> Sides:
        """Returns the outputs, ``(views, batch, outputs)`` of each side.

        Args:
            features: ``(views, batch, inputs)`` each; where views are apart, the weak one first.
        """
        others = self if self.strong is None else self.strong
        return Sides(
            torch.stack([self.image(features.image[0]), *map(others.image, features.image[1:])]),
            torch.stack([self.text(features.text[0]), *map(others.text, features.text[1:])]),
        )


def strong_projectors(towers: TwoTower, config: ClipRocketConfig) -> Heads:
    """Returns the MLP projectors of strong views, with two hidden layers."""
    hidden = config.projector_dim
    return Heads(lambda count: mlp([count, hidden, hidden, config.dim]), features_of(towers))


def barlip_heads(towers: TwoTower, config: ClipRocketConfig) -> Heads:
    """Returns the heads of BarLIP, which end in a batch norm that learns a scale and a shift."""
    hidden, output = config.barlip.hidden_dim, config.barlip.output_dim

    def make(count: int) -> nn.Module:
        return mlp([count, hidden, hidden, output], last_norm=True, last_affine=True)

    return Heads(make, features_of(towers), config.separate_heads)


def agreement_heads(towers: TwoTower, config: ClipRocketConfig) -> Heads:
    """Returns the heads of SiamLIP and BYOLIP, which end in a batch norm without weights."""
    hidden, output = config.agreement.hidden_dim, config.agreement.output_dim
    return Heads(
        lambda count: mlp([count, hidden, output], last_norm=True),
        features_of(towers),
        config.separate_heads,
    )


def predictors(config: ClipRocketConfig) -> Heads:
    """Returns what predicts the other side's projection."""
    hidden, output = config.agreement.hidden_dim, config.agreement.output_dim
    return Heads(
        lambda count: mlp([count, hidden, output]), (output, output), config.separate_heads
    )


def prototype_heads(towers: TwoTower, config: ClipRocketConfig) -> Heads:
    """Returns the heads of the older SwALIP, whose outputs are compared with prototypes."""
    hidden, output = config.agreement.hidden_dim, config.agreement.output_dim
    return Heads(lambda count: mlp([count, hidden, output]), features_of(towers))


class Prototypes(nn.Linear):
    """Prototypes of unit length: a linear layer with weight norm whose gains stay 1."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Returns the cosines of ``vectors (..., features)``, ``(..., prototypes)``."""
        return nn.functional.linear(unit(vectors), unit(self.weight))


def features_of(towers: TwoTower) -> tuple[int, int]:
    """Returns the features of an image and of a text."""
    return int(towers.image.num_features), int(towers.text.num_features)


def joined(weak: Tensor, strong: Tensor, weight: float) -> Tensor:
    """Returns unit vectors whose cosines are the mixed scores of both projectors.

    The cosine of two of them is ``weight`` times that of the weak parts, plus the rest times that
    of the strong ones.

    Args:
        weak: ``(batch, dim)``, of any norm.
        strong: ``(batch, dim)``, of any norm.
        weight: In 0..1; at the ends one part is all there is.
    """
    parts = [(weight, weak), (1 - weight, strong)]
    return torch.cat(
        [math.sqrt(share) * nn.functional.normalize(part, dim=1) for share, part in parts if share],
        dim=1,
    )
