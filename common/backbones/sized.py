"""A backbone for images of a known size, of which a perceptron takes all pixels."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from common.backbones.build import build_backbone
from common.data.images.config import ImageFacts
from common.errors import DataError


def build_sized_backbone(config: Any, facts: ImageFacts) -> Any:
    """Returns the backbone that a ``method:`` section names, for images as ``facts`` tell them.

    Args:
        config: A ``method:`` section with ``backbone``, ``width``, ``stem``, ``initial_weights``.
        facts: Facts of the images; ``mlp`` takes images and views of this size alone.

    Raises:
        ConfigError: A library or network that is not there, or settings that it does not take.
        DataError: A file of weights that is not this backbone's.
    """
    if config.backbone != "mlp":
        return build_backbone(config, facts.channels)
    backbone = build_backbone(config, facts.channels * facts.size**2)
    backbone.register_forward_pre_hook(partial(_check_size, facts.size))
    return backbone


def _check_size(size: int, backbone: nn.Module, inputs: tuple[Tensor]) -> None:
    height, width = inputs[0].shape[2:]
    if (height, width) != (size, size):
        raise DataError(
            f"data.views: a view has {height} x {width} pixels; method.backbone=mlp takes "
            f"{size} x {size} as the images have"
        )
