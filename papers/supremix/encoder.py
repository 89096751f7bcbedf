"""Encoder, projection head, labels and draws: what several arms do alike."""

import math

import torch
from torch import Tensor, nn

from common.backbones.build import build_backbone as make_backbone
from common.backbones.build import own_backbone
from common.data.targets.regression.config import RegressionFacts
from common.errors import ConfigError
from common.methods.heads import mlp
from papers.supremix.config import EncoderConfig, SupReMixConfig

# What each backbone reads, and how many dimensions an input of it has; mlp reads anything.
IMAGES, VOLUMES, TEXTS = ("images", 3), ("volumes", 4), ("pairs of hashed sentences", 2)
READS = {
    "resnet18": IMAGES,
    "resnet18_gn": IMAGES,
    "resnet50": IMAGES,
    "resnet50_gn": IMAGES,
    "small_conv": IMAGES,
    "small_grid": IMAGES,
    "small_resnet": IMAGES,
    "small_resnet_gn": IMAGES,
    "small_volume": VOLUMES,
    "text_pair": TEXTS,
}


def build_backbone(
    config: EncoderConfig, facts: RegressionFacts, given: nn.Module | None = None
) -> nn.Module:
    """Returns the backbone for inputs of ``facts.shape``, or the network that is ``given``.

    Raises:
        ConfigError: If the backbone is asked to read something else than it can.
    """
    shape = facts.shape
    if given is not None:
        own: nn.Module = own_backbone(given, torch.zeros(2, *shape))
        return own
    what, dimensions = READS.get(
        config.backbone, IMAGES if ":" in config.backbone else ("anything", len(shape))
    )
    if len(shape) != dimensions:
        raise ConfigError(
            f"method.backbone: {config.backbone} reads {what}, an input here has shape "
            f"{tuple(shape)}; use mlp"
        )
    channels = {"mlp": math.prod(shape), "text_pair": shape[-1]}.get(config.backbone, shape[0])
    backbone: nn.Module = make_backbone(config, channels)
    return backbone


def projection_head(num_features: int, config: SupReMixConfig) -> nn.Sequential:
    """Returns linear, batch norm, ReLU, linear, batch norm (code: model)."""
    dims = [num_features, config.hidden_dim, config.output_dim]
    return mlp(dims, last_norm=config.output_batch_norm, last_affine=True, bias=True)


def compared_labels(targets: Tensor, step: float) -> Tensor:
    """Returns the labels as the loss compares them, rounded to multiples of ``step`` unless 0."""
    return (targets / step).round() * step if step else targets


def compared_window(window: float, step: float) -> float:
    """Returns the window as the loss compares it with distances of `compared_labels`.

    Multiples of 0.2 in float32 that are 5 steps apart may differ by less than 1.0. What counts is
    whole steps: the bound is put half a step below the first distance that lies outside.
    """
    return (math.ceil(window / step - 1e-6) - 0.5) * step if step else window
