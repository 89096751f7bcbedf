"""Small encoders: of images whose layout matters, as an angle's, and of pairs of sentences."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.small_networks import conv_block

# Of `TextPair`.
HIDDEN, FEATURES = 128, 64


class SmallGrid(nn.Module):
    """3x3 convolutions of 16, 32 and 64 channels with stride 2, BN and ReLU; a grid; a linear map.

    ``(batch, channels, height, width)`` to ``(batch, num_features)``, at least 9 pixels a side. The
    last map is averaged to 2 x 2 cells, not to one as in `SmallConv`: where things are is kept. It
    has no stem to choose: ``stem`` is there because every image backbone is built with one.

    Args:
        channels: Channels of the images.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 1, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        widths = [channels, 16 * width, 32 * width, 64 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += conv_block(before, after)
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.num_features = 64 * width
        self.linear = nn.Linear(4 * widths[-1], self.num_features)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features, ``(batch, num_features)``."""
        return self.linear(self.layers(x))


class TextPair(nn.Module):
    """Sums of embeddings of hashed letter runs, at unit length: u and v; a linear map of the pair.

    ``(batch, 2, channels)`` to ``(batch, num_features)``. The pair is ``[u, v, |u - v|, u * v]``,
    as SupReMix's code and many others have it, each with batch norm. The sum over the last part is
    the cosine. It has no stem to choose.

    Args:
        channels: Buckets of the hash.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 2048, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        self.num_features = FEATURES * width
        self.embedding = nn.Linear(channels, HIDDEN * width, bias=False)
        self.norm = nn.BatchNorm1d(4 * HIDDEN * width)
        self.linear = nn.Linear(4 * HIDDEN * width, self.num_features)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features, ``(batch, num_features)``."""
        u, v = F.normalize(self.embedding(x), dim=2).unbind(1)
        return self.linear(self.norm(torch.cat([u, v, (u - v).abs(), u * v], 1)))
