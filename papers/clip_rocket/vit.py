"""The ViT-S of the official code."""

from typing import Any

from torch import nn

from common.backbones.foreign import timm_backbone

HEADS = 12


def vit_small_12_heads(**options: Any) -> nn.Module:
    """Returns timm's ViT-S/16 with MoCo v3's 12 heads in place of 6 (models.py).

    Its positions and its embedding of patches are learned; those of the backbone ``vit_small``,
    which is MoCo v3's own, stay as they are.

    Raises:
        ConfigError: As of `common.backbones.foreign.timm_backbone`.
    """
    backbone: Any = timm_backbone("vit_small_patch16_224", **options)
    for attention in (block.attn for block in backbone.model.blocks):
        attention.head_dim = backbone.num_features // HEADS
        attention.num_heads, attention.scale = HEADS, attention.head_dim**-0.5
    found: nn.Module = backbone
    return found
