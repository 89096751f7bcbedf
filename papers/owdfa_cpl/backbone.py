"""Four convolutions on images and what a small mean takes off them: traces of manipulation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.small_networks import conv_block

# For the images and their residual, about what centres and scales them.
CENTRE, SCALE, GAIN = 0.45, 0.2, 12.0


class ForensicConv(nn.Module):
    """Convolutions of 32, 64, 96 and 128 channels (5x5 and 3x3; strides 2, 2, 2, 1), BN and ReLU.

    Each channel of an image enters twice: scaled, and as 12 times what its 3 x 3 mean leaves,
    where traces of resampling, seams and grids stand out. Images are in 0..1, not normalised.
    ``(batch, channels, height, width)`` to the global mean, ``(batch, num_features)``; 64 pixels a
    side give a map of 8 x 8, as a ResNet's of 256. ``stem`` is there because every image backbone
    is built with one.

    Args:
        channels: Channels of the images.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 3, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 2 * channels
        for after, kernel, stride in ((32, 5, 2), (64, 3, 2), (96, 3, 2), (128, 3, 1)):
            layers += conv_block(before, after * width, kernel, stride)
            before = after * width
        self.layers = nn.Sequential(*layers)
        self.num_features = before

    def feature_map(self, x: Tensor) -> Tensor:
        """Returns the last layer before pooling, ``(batch, num_features, height, width)``."""
        mean = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return self.layers(torch.cat([(x - CENTRE) / SCALE, GAIN * (x - mean)], dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled features, ``(batch, num_features)``."""
        return self.feature_map(x).mean(dim=(2, 3))
