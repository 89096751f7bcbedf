"""The layers that the small backbones are stacked from."""

from torch import nn

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
