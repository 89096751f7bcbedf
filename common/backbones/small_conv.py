"""Three convolutions for small images: what `quick` recipes train in seconds an epoch."""

from torch import Tensor, nn

from common.backbones.blocks import conv_block


class SmallConv(nn.Module):
    """3x3 convolutions of 32, 64 and 64 channels (strides 2, 2, 1), each with BN and ReLU.

    ``(batch, channels, height, width)`` to the global mean, ``(batch, num_features)``. It has no
    stem to choose: ``stem`` is there because every image backbone is built with one.

    Args:
        channels: Channels of the images.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 3, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        widths, strides = [channels, 32 * width, 64 * width, 64 * width], (2, 2, 1)
        layers: list[nn.Module] = []
        for before, after, stride in zip(widths[:-1], widths[1:], strides, strict=True):
            layers += conv_block(before, after, stride=stride)
        self.layers = nn.Sequential(*layers)
        self.num_features = widths[-1]

    def feature_map(self, x: Tensor) -> Tensor:
        """Returns the last layer before pooling, ``(batch, num_features, height, width)``."""
        return self.layers(x)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the pooled features, ``(batch, num_features)``."""
        return self.feature_map(x).mean(dim=(2, 3))
