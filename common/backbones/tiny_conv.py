"""Two convolutions and a linear layer that keep places: for generated scenes of 32 pixels."""

from torch import Tensor, nn

from common.backbones.blocks import conv_block
