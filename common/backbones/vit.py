"""Vision transformers as MoCo v3 trains them: fixed positions, a frozen patch embedding."""

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import EncoderBlock

DEPTH = 12


class ViT(nn.Module):
    """A transformer over patches that ends in the class token, ``(batch, num_features)``.

    After MoCo v3 (arXiv 2104.02057): positions are sines and cosines and are not learned, so that
    images of any size in patches pass; the embedding of patches stays as it was drawn (their
    section 4). Blocks are torchvision's, and so are the names of arrays.

    Args:
        dim: Width of each token.
        num_heads: Number of heads of the attention.
        channels: Channels of the images.
        width: Multiplies tokens and heads.
        stem: "imagenet" (patches of 16) or "cifar" (of 4).
    """

    def __init__(
        self, dim: int, num_heads: int, channels: int = 3, width: int = 1, stem: str = "imagenet"
    ) -> None:
        super().__init__()
        dim, num_heads = dim * width, num_heads * width
        self.num_features, self.patch = dim, 16 if stem == "imagenet" else 4
        self.conv_proj = nn.Conv2d(channels, dim, self.patch, self.patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        blocks = OrderedDict(
            (f"encoder_layer_{n}", EncoderBlock(num_heads, dim, 4 * dim, 0.0, 0.0))
            for n in range(DEPTH)
        )
        parts = {"layers": nn.Sequential(blocks), "ln": nn.LayerNorm(dim, eps=1e-6)}
        self.encoder = nn.Sequential(OrderedDict(parts))
        self.reset_parameters()
        self.conv_proj.requires_grad_(False)

    def reset_parameters(self) -> None:
        """Draws weights uniformly within Xavier's bounds; biases are 0.

        Queries, keys and values count as three matrices, a patch embedding as one.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.MultiheadAttention):
                bound = math.sqrt(6 / (2 * module.embed_dim))
                nn.init.uniform_(module.in_proj_weight, -bound, bound)
        bound = math.sqrt(6 / (self.conv_proj.weight[0].numel() + self.num_features))
        nn.init.uniform_(self.conv_proj.weight, -bound, bound)
        nn.init.zeros_(self.conv_proj.get_parameter("bias"))
        nn.init.normal_(self.class_token, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the class token after the last norm.

        Raises:
            ValueError: Images whose sides are no multiples of the patch.
        """
        if x.shape[2] % self.patch or x.shape[3] % self.patch:
            raise ValueError(
                f"images of {x.shape[2]} x {x.shape[3]} do not divide into patches of "
                f"{self.patch}: choose data.views sizes that do, or method.stem=cifar (of 4)"
            )
        patches = self.conv_proj(x)  # (batch, dim, rows, columns)
        positions = sine_positions(patches.shape[2], patches.shape[3], self.num_features)
        tokens = patches.flatten(2).transpose(1, 2) + positions.to(patches)
        first = self.class_token.expand(len(x), -1, -1)
        return self.encoder(torch.cat([first, tokens], 1))[:, 0]


def sine_positions(rows: int, columns: int, dim: int) -> Tensor:
    """Returns the fixed embedding of each cell, ``(rows * columns, dim)``.

    A quarter of ``dim`` each for sine and cosine of row and column, as in MoCo v3's code, at
    frequencies from 1 to almost 1 / 10000 (Vaswani et al. 2017, in two dimensions).
    """
    frequencies = 10_000 ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    place = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).double()
    row, column = (place[:, axis, None] * frequencies for axis in (0, 1))
    return torch.cat([row.sin(), row.cos(), column.sin(), column.cos()], 1)


def vit_tiny(**options: Any) -> ViT:
    """ViT-Ti with 3 heads, as in hydra's code; options as `ViT`."""
    return ViT(192, 3, **options)


def vit_small(**options: Any) -> ViT:
    """ViT-S with MoCo v3's 12 heads; options as `ViT`."""
    return ViT(384, 12, **options)


def vit_base(**options: Any) -> ViT:
    """ViT-B; options as `ViT`."""
    return ViT(768, 12, **options)
