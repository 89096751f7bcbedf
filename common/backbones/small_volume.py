"""Three convolutions in three dimensions, for volumes such as scans of a brain."""

from itertools import pairwise

from torch import Tensor, nn

from common.backbones.blocks import conv_block


class SmallVolume(nn.Module):
    """3x3x3 convolutions of 8, 16 and 32 channels with stride 2, BN and ReLU; mean; a linear map.

    ``(batch, channels, depth, height, width)`` to ``(batch, num_features)``. It has no stem to
    choose.

    Args:
        channels: Channels of the volumes.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 1, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        widths = [channels, 8 * width, 16 * width, 32 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += conv_block(before, after, dims=3)
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.num_features = 64 * width
        self.linear = nn.Linear(widths[-1], self.num_features)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features, ``(batch, num_features)``."""
        return self.linear(self.layers(x))
