"""What PixPro puts on the backbone's map: 1x1 convolutions and the pixel propagation module."""

import torch
from torch import Tensor, nn

from common.losses.precision import upcast
from papers.pixpro.loss import unit

# Added to similarities under a power below 1, whose slope at 0 is infinite (official code).
SHIFT = 1e-6


def conv_mlp(channels: int, hidden: int, out: int) -> nn.Sequential:
    """Returns 1x1 convolution, batch norm, ReLU, 1x1 convolution: projectors and predictor."""
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 1),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, out, 1),
    )


def value_transform(channels: int, layers: int, norm: bool) -> nn.Sequential:
    """Returns g: ``layers`` 1x1 convolutions with batch norm and ReLU between them.

    Args:
        channels: In and out.
        layers: 0 is the identity.
        norm: Batch norm and ReLU after the last one, too.
    """
    found: list[nn.Module] = []
    for layer in range(layers):
        found.append(nn.Conv2d(channels, channels, 1))
        if norm or layer < layers - 1:
            found += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*found)


class PixelPropagation(nn.Module):
    """Replaces each cell's feature by a sum over the map, weighted by similarity (Eq. 3 and 4).

    ``(batch, channels, rows, columns)``, not normalised, to the same shape, not normalised.

    Args:
        channels: Channels of the map.
        layers: Layers of g.
        sharpness: Exponent of the similarity.
        clamp: Similarities below are raised to it.
        norm: See `value_transform`.
        normalise_values: Unit length of g's output, as the official code.
    """

    def __init__(
        self,
        channels: int,
        layers: int = 1,
        sharpness: float = 2.0,
        clamp: float = 0.0,
        norm: bool = False,
        normalise_values: bool = True,
    ) -> None:
        super().__init__()
        self.transform = value_transform(channels, layers, norm)
        self.sharpness, self.clamp = sharpness, clamp
        self.normalise_values = normalise_values

    def forward(self, x: Tensor) -> Tensor:
        """Returns the propagated map, in float32 or wider."""
        values = self.transform(x)
        values = unit(values) if self.normalise_values else upcast(values)
        return propagate(unit(x), values, self.sharpness, self.clamp)


def propagate(u: Tensor, values: Tensor, sharpness: float, clamp: float) -> Tensor:
    """Returns ``y_a = sum_b max(<u_a, u_b>, clamp)^sharpness values_b``, b = a included.

    A plain sum over the image's own cells; gradients flow through the similarities too.

    Args:
        u: Unit map.
        values: Values of the same shape.
        sharpness: Exponent.
        clamp: Least similarity.
    """
    flat = u.flatten(2)
    with torch.autocast(u.device.type, enabled=False):
        similarity = (flat.transpose(1, 2) @ flat).clamp(min=clamp)  # (batch, cells, cells)
        if sharpness < 1:
            similarity = similarity + SHIFT
        weight = similarity.pow(sharpness)
        return (values.flatten(2) @ weight.transpose(1, 2)).view_as(values)
