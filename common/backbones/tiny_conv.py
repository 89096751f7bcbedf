"""Two convolutions and a linear layer for scenes of 32 pixels, whose places count."""

from itertools import pairwise

from torch import Tensor, nn

from common.backbones.blocks import conv_block

# The second convolution's strides bring 32 pixels to as many cells a side.
PIXELS, CELLS = 32, 4


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
