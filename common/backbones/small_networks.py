"""Small networks that `quick` recipes train in seconds an epoch: convolutions and a perceptron."""

from itertools import pairwise

from torch import Tensor, nn

HIDDEN = 128  # of the perceptron
# Of `TinyConv`: the second convolution's strides bring 32 pixels to as many cells a side.
PIXELS, CELLS = 32, 4
CONVOLUTIONS: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
NORMS: dict[int, type[nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def conv_block(
    before: int, after: int, kernel: int = 3, stride: int = 2, dims: int = 2
) -> list[nn.Module]:
    """Returns a convolution without bias, batch norm and ReLU; three layers to put in a row.

    Args:
        before: Channels of the input.
        after: Channels of the output.
        kernel: Cells a side, an odd number; padded by half, so that stride 1 keeps the size.
        stride: Stride of the convolution.
        dims: 2 for images, 3 for volumes.
    """
    return [
        CONVOLUTIONS[dims](before, after, kernel, stride, kernel // 2, bias=False),
        NORMS[dims](after),
        nn.ReLU(inplace=True),
    ]


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


class TinyConv(nn.Module):
    """Convolutions of 24 and 64 channels (5x5 by 4, 3x3 by 2), and a linear layer of 128, ReLU.

    ``(batch, channels, height, width)`` to ``(batch, num_features)``. It has no global mean, which
    would lose where things are. Larger images are averaged to 4 x 4 cells. It has no stem to
    choose.

    Args:
        channels: Channels of the images.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 3, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        widths = [channels, 24 * width, 64 * width]
        layers: list[nn.Module] = []
        for (before, after), kernel, stride in zip(pairwise(widths), (5, 3), (4, 2), strict=True):
            layers += conv_block(before, after, kernel, stride)
        self.layers = nn.Sequential(*layers)
        self.num_features = 128 * width
        self.linear = nn.Linear(widths[-1] * CELLS**2, self.num_features)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features, ``(batch, num_features)``.

        Raises:
            ValueError: Sides that are no multiples of 32 pixels.
        """
        if x.shape[-1] % PIXELS or x.shape[-2] % PIXELS:
            raise ValueError(f"images of {tuple(x.shape[-2:])}: tiny_conv takes multiples of 32")
        sides = x.shape[-2] // PIXELS, x.shape[-1] // PIXELS
        cells = nn.functional.avg_pool2d(self.layers(x), sides)
        return self.linear(cells.flatten(1)).relu()


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


class MLP(nn.Module):
    """Two hidden layers of 128 units, each with BN and ReLU, then a linear one of 64.

    ``(batch, ...)`` flattened to ``(batch, channels)``, to ``(batch, num_features)``. Like every
    backbone here it is built with channels, width and stem; it has no stem to choose.

    Args:
        channels: Numbers in one input.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 8, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        widths = [channels, HIDDEN * width, HIDDEN * width]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [
                nn.Linear(before, after, bias=False),
                nn.BatchNorm1d(after),
                nn.ReLU(inplace=True),
            ]
        self.num_features = HIDDEN // 2 * width
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], self.num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features, ``(batch, num_features)``."""
        return self.layers(x)
