"""Encoder, projection head, labels and draws: what several arms do alike."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.regression.config import RegressionFacts
from common.errors import ConfigError
from common.registry import BACKBONES
from papers.supremix.config import EncoderConfig, SupReMixConfig

PICTURE_BACKBONES = ("resnet18", "resnet50", "small_conv", "small_grid")


def build_backbone(config: EncoderConfig, facts: RegressionFacts) -> nn.Module:
    """Returns the backbone for inputs of ``facts.shape``.

    Raises:
        ConfigError: If a picture backbone is asked to read a table or a series.
    """
    shape = facts.shape
    if config.backbone in PICTURE_BACKBONES and len(shape) != 3:
        raise ConfigError(
            f"method.backbone: {config.backbone} reads pictures, an input here has shape "
            f"{tuple(shape)}; use mlp"
        )
    channels = shape[0]
    if config.backbone == "mlp":
        channels = math.prod(shape)
    kind = BACKBONES.get(config.backbone)
    backbone: nn.Module = kind(channels=channels, width=config.width, stem=config.stem)
    return backbone


def projection_head(num_features: int, config: SupReMixConfig) -> nn.Sequential:
    """Returns linear, batch norm, ReLU, linear, batch norm (code: model)."""
    norm = [nn.BatchNorm1d(config.output_dim)] if config.output_batch_norm else []
    return nn.Sequential(
        nn.Linear(num_features, config.hidden_dim),
        nn.BatchNorm1d(config.hidden_dim),
        nn.ReLU(inplace=True),
        nn.Linear(config.hidden_dim, config.output_dim),
        *norm,
    )


def unit(z: Tensor) -> Tensor:
    """Returns ``z`` in float32 or wider, the last dimension at unit length."""
    return F.normalize(z if z.dtype == torch.float64 else z.float(), dim=-1)


def compared_labels(targets: Tensor, step: float) -> Tensor:
    """Returns the labels as the loss compares them, rounded to multiples of ``step`` unless 0."""
    return (targets / step).round() * step if step else targets


def draw_beta(
    first: float, second: float, shape: tuple[int, ...], generator: torch.Generator
) -> Tensor:
    """Returns draws of Beta(first, second) as a share of two gamma draws, in float64."""
    gammas = [
        torch._standard_gamma(torch.full(shape, value, dtype=torch.float64), generator=generator)
        for value in (first, second)
    ]
    return gammas[0] / (gammas[0] + gammas[1])
