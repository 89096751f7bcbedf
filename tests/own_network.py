"""Networks of a user's own, which this project has never seen."""

from torch import Tensor, nn


def network(channels: int = 3) -> nn.Sequential:
    """Returns a network of images of any size, of width 6, that does not say so."""
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, 2, 1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


class Cells(nn.Module):
    """A network with a map before its pooling, of width 6."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = network()[:3]

    def feature_map(self, x: Tensor) -> Tensor:
        """Returns ``(batch, 6, rows, columns)``."""
        return self.layers(x)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``(batch, 6)``."""
        return self.feature_map(x).mean((2, 3))
