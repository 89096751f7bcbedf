"""The backbone that a ``method:`` section names, with the weights that it starts from."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from common.backbones.published import read_state_dict
from common.backbones.resnet import zero_last_gains
from common.errors import ConfigError, DataError
from common.registry import SAMPLE_BACKBONES

PRETRAINED = "pretrained"


def build_backbone(config: Any, channels: int) -> Any:
    """Returns the backbone that ``backbone``, ``width``, ``stem`` and ``initial_weights`` name.

    Args:
        config: A ``method:`` section with these fields; ``zero_init_residual``, if it has that and
            no weights, makes each residual block the identity at first.
        channels: Channels of the images.

    Raises:
        ConfigError: A library or network that is not there, or settings that it does not take.
        DataError: A file of weights that is not this backbone's.
    """
    build, weights = SAMPLE_BACKBONES.get(config.backbone), config.initial_weights
    options = {"channels": channels, "width": config.width, "stem": config.stem}
    if weights == PRETRAINED and ":" not in config.backbone:
        raise ConfigError(
            f"method.initial_weights={PRETRAINED}: {config.backbone} has none; name a file, or "
            "take method.backbone=torchvision:resnet50"
        )
    if ":" in config.backbone:
        options["pretrained"] = weights == PRETRAINED
    backbone = build(**options)
    if weights not in (None, PRETRAINED):
        load_backbone(getattr(backbone, "model", backbone), weights)
    if weights is None and getattr(config, "zero_init_residual", False):
        zero_last_gains(backbone)
    return backbone


def load_backbone(backbone: nn.Module, path: str) -> None:
    """Loads a file of weights; those of a classifier on top are left out.

    Raises:
        DataError: Unreadable, or weights that are not this backbone's; names the first.
    """
    weights, own = read_state_dict(path), backbone.state_dict()
    lacking = sorted(set(own) - set(weights))
    if lacking:
        raise DataError(f"{path}: no {lacking[0]}: not the weights of this method.backbone")
    for name, value in own.items():
        if value.shape != weights[name].shape:
            theirs = tuple(weights[name].shape)
            raise DataError(f"{path}: {name} has shape {theirs}, not {tuple(value.shape)}")
    backbone.load_state_dict({name: weights[name] for name in own})


def build_sized_backbone(config: Any, facts: Any) -> Any:
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
