"""The backbone that a ``method:`` section names, with its first weights, or the user's own."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.backbones.published import read_state_dict
from common.backbones.resnet import zero_last_gains
from common.errors import ConfigError, DataError, outline
from common.registry import SAMPLE_BACKBONES

PRETRAINED = "pretrained"
# What a network of the user's own returns, and where positions are compared.
VECTORS = "(batch, features)"
FEATURE_MAP = "(batch, features, rows, columns)"
# The attribute by which `as_encoder` marks a network.
ENCODES = "encodes_apart"


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
    return as_encoder(backbone)


def as_encoder(network: Any) -> Any:
    """Returns ``network``, marked as one whose samples pass apart: a batch may pass in parts.

    The mark names its functions that take and return tensors with a row a sample. Batch norm, which
    joins samples, is looked for where parts are made.
    """
    functions = ("forward", "feature_map")
    own = tuple(name for name in functions if callable(getattr(type(network), name, None)))
    setattr(network, ENCODES, own)
    return network


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


def build_image_backbone(
    config: Any, facts: Any = None, given: nn.Module | None = None, form: str = VECTORS
) -> Any:
    """Returns the encoder of images: ``given``, or the one that a ``method:`` section names.

    Args:
        config: A ``method:`` section with ``backbone``, ``width``, ``stem``, ``initial_weights``.
        facts: Facts of the images; None: 32 x 32 in colour. `mlp` takes images and views of this
            size alone.
        given: A network of the user's own.
        form: What that returns, see `own_backbone`.

    Raises:
        ConfigError: A library or network that is not there, or settings that it does not take.
        DataError: A file of weights that is not this backbone's.
    """
    channels, size = (facts.channels, facts.size) if facts else (3, 32)
    if given is not None:
        if config.initial_weights is not None:
            raise ConfigError("method.initial_weights: load them into your own backbone= before")
        return own_backbone(given, torch.zeros(2, channels, size, size), form=form)
    is_flat = config.backbone == "mlp"
    backbone = build_backbone(config, channels * size**2 if is_flat else channels)
    if is_flat:
        backbone.register_forward_pre_hook(partial(_check_size, size))
    if form == FEATURE_MAP and not hasattr(backbone, "feature_map"):
        raise ConfigError(
            f"method.backbone={config.backbone} has no feature map, whose cells this method "
            "compares; use a ResNet or small_conv"
        )
    return backbone


def own_backbone(given: Any, *inputs: Tensor, form: str = VECTORS) -> Any:
    """Returns a network of the user's own, with its width as ``num_features``.

    A pass in evaluation mode shows the width; no state and no random number moves. Where the
    network takes other inputs than these, what it says itself is believed.

    Args:
        given: The network.
        inputs: Zeros in the shape of what it will be given, of two samples.
        form: What it returns; of a map that is ``given.feature_map``.

    Raises:
        ConfigError: No network, one that takes or returns something else, or one without a map.
    """
    name = type(given).__name__
    if not isinstance(given, nn.Module):
        raise ConfigError(f"backbone: takes a torch.nn.Module, not {name}; method.backbone a name")
    call = getattr(given, "feature_map", None) if form == FEATURE_MAP else given
    if call is None:
        raise ConfigError(
            f"backbone: {name} has no method feature_map(images) that returns {form}, not yet "
            "pooled; this method compares cells"
        )
    said = getattr(given, "num_features", None)
    shapes = ", ".join(str(tuple(each.shape)) for each in inputs)
    try:
        found = _tried(given, call, inputs)
    except Exception as error:  # whatever a stranger's code raises
        if isinstance(said, int):
            return as_encoder(given)
        raise ConfigError(
            f"backbone: {name} does not take {shapes} ({error}); give the facts= of your data, or "
            "tell its width as its num_features"
        ) from error
    axes = form.strip("()").split(", ")
    if not isinstance(found, Tensor) or found.ndim != len(axes):
        raise ConfigError(f"backbone: {name} makes {outline(found)} of {shapes}, not {form}")
    width = found.shape[axes.index("features")]
    if said not in (None, width):
        raise ConfigError(
            f"backbone: {name} says num_features={said} and returns {width}; leave out its "
            "classifier (num_classes=0 in timm)"
        )
    given.num_features = width  # type: ignore[assignment]
    return as_encoder(given)


def _tried(network: nn.Module, call: Any, inputs: tuple[Tensor, ...]) -> Any:
    like = next(network.parameters(), torch.zeros(()))
    moved = [x.to(like if x.is_floating_point() else like.device) for x in inputs]
    with torch.no_grad(), torch.random.fork_rng(), evaluating(network):
        return call(*moved)


def _check_size(size: int, backbone: nn.Module, inputs: tuple[Tensor]) -> None:
    height, width = inputs[0].shape[2:]
    if (height, width) != (size, size):
        raise DataError(
            f"data.views: a view has {height} x {width} pixels; method.backbone=mlp takes "
            f"{size} x {size} as the images have"
        )
