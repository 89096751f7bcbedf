"""Three convolutions and a coarse grid: for small pictures whose layout matters, as an angle's."""

from itertools import pairwise

from torch import Tensor, nn

from common.backbones.blocks import conv_block


class SmallGrid(nn.Module):
    """3x3 convolutions of 16, 32 and 64 channels with stride 2, BN and ReLU; a grid; a linear map.

    ``(batch, channels, height, width)`` to ``(batch, num_features)``, at least 9 pixels a side. The
    last map is averaged to 2 x 2 cells, not to one as in `SmallConv`: where things are is kept. It
    has no stem to choose: ``stem`` is there because every picture backbone is built with one.

    Args:
        channels: Of the pictures.
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
