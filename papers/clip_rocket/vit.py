"""The ViT-S of the official code."""

from typing import Any

from torch import nn

from common.backbones.foreign import timm_backbone

HEADS = 12


def vit_small_12_heads(**options: Any) -> nn.Module:
    """Returns timm's ViT-S/16 with 12 heads in place of 6, as MoCo v3 has (models.py).

    It learns its positions and its embedding of patches, which the backbone ``vit_small`` does not.

    Raises:
        ConfigError: As of `common.backbones.foreign.timm_backbone`.
    """
    backbone: Any = timm_backbone("vit_small_patch16_224", **options)
    for attention in (block.attn for block in backbone.model.blocks):
        attention.head_dim = backbone.num_features // HEADS
        attention.num_heads, attention.scale = HEADS, attention.head_dim**-0.5
    found: nn.Module = backbone
    return found
