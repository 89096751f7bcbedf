"""A small perceptron for tables and short windows."""

from itertools import pairwise

from torch import Tensor, nn

HIDDEN = 128


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
