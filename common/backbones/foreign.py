"""Networks of torchvision, timm and Hugging Face as backbones: ``torchvision:resnet34``."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn

from common.backbones.build import PRETRAINED
from common.backbones.modes import evaluating
from common.errors import ConfigError, DataError, MissingLibrary, suggest

# Images by which a network shows what it gives; torchvision's transformers take no other size.
SIZE = 224
# Words with which the three libraries refuse images of another size.
SAID_OF_SIZES = re.compile("height|width|image size")
# Where torchvision's networks keep their classifier.
HEADS = ("fc", "classifier", "heads", "head")


class Foreign(nn.Module):
    """A library's network, which gives features ``(batch, num_features)``.

    Args:
        model: Without its classifier; names of its arrays are the library's.
        num_features: Number of features of each image.
    """

    def __init__(self, model: Any, num_features: int) -> None:
        super().__init__()
        self.model, self.num_features = model, num_features

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features, ``(batch, num_features)``.

        Raises:
            DataError: Images of a size that the network does not take.
        """
        try:
            return pooled_features(self.model, x)
        except (AssertionError, ValueError) as error:
            if not SAID_OF_SIZES.search(str(error)):
                raise
            size = " x ".join(map(str, x.shape[2:]))
            raise DataError(f"method.backbone: takes no images of {size}: {error}") from error


class ForeignMap(Foreign):
    """The same with a map of features before pooling."""

    def feature_map(self, x: Tensor) -> Tensor:
        """Returns the last stage before pooling, ``(batch, num_features, height, width)``."""
        return last_stage(self.model, x)


def pooled_features(model: Any, x: Tensor) -> Tensor:
    """Returns a network's features: of a Hugging Face model pooled ones, else its first token."""
    found = model(x)
    if isinstance(found, Tensor):
        return found.flatten(1)
    pooled = getattr(found, "pooler_output", None)
    return (found.last_hidden_state[:, 0] if pooled is None else pooled).flatten(1)


def last_stage(model: Any, x: Tensor) -> Any:
    """Returns what a network gives before it pools; None where that place is not known."""
    if hasattr(model, "forward_features"):  # timm's
        return model.forward_features(x)
    if hasattr(model, "layer4"):  # torchvision's ResNets
        x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        return model.layer4(model.layer3(model.layer2(model.layer1(x))))
    pooled = isinstance(getattr(model, "avgpool", None), nn.AdaptiveAvgPool2d)
    return model.features(x) if pooled and hasattr(model, "features") else None


def torchvision_backbone(network: str, pretrained: bool = False, **options: Any) -> nn.Module:
    """Returns torchvision's ``network`` without its classifier.

    Raises:
        ConfigError: No such network, or options that it does not take.
    """
    from torchvision import models

    name = f"torchvision:{network}"
    channels = _check(name, pretrained, **options)
    known = models.list_models(module=models)
    if network not in known:
        raise ConfigError(f"method.backbone={name}: no such network{suggest(network, known)}")
    weights = models.get_model_weights(network).DEFAULT if pretrained else None
    model = models.get_model(network, weights=weights)
    head = next((head for head in HEADS if hasattr(model, head)), None)
    if head is None or _has_convolution(getattr(model, head)) or hasattr(model, "aux_logits"):
        raise ConfigError(f"method.backbone={name}: its features are not one vector in one place")
    setattr(model, head, nn.Identity())
    if channels != 3:
        _take_channels(model, channels)
    return _measured(model, channels)


def timm_backbone(network: str, pretrained: bool = False, **options: Any) -> nn.Module:
    """Returns timm's ``network`` without its classifier.

    A transformer's positions are interpolated at each image if timm can do so, and the arrays are
    those of a file of weights; else once, for images of ``SIZE`` pixels.

    Raises:
        ConfigError: timm is not installed, no such network, or options that it does not take.
    """
    name = f"timm:{network}"
    channels = _check(name, False, **options)
    try:
        import timm
    except ImportError:
        raise MissingLibrary(f"method.backbone={name}", "timm", "timm") from None
    if not timm.is_model(network.partition(".")[0]):
        hint = suggest(network, timm.list_models()) if len(network) > 2 else ""
        raise ConfigError(f"method.backbone={name}: timm has no such network{hint[:60]}")
    make = partial(
        timm.create_model, network, pretrained=pretrained, num_classes=0, in_chans=channels
    )
    try:
        model = make(dynamic_img_size=True)
    except TypeError:  # of a network that has no such option
        model = make()
    try:
        return _measured(model, channels)
    except (AssertionError, RuntimeError) as error:  # of one that is built for another size
        try:
            model = make(img_size=SIZE)
        except TypeError:
            raise error from None
    return _measured(model, channels)


def hugging_face_backbone(network: str, pretrained: bool = False, **options: Any) -> nn.Module:
    """Returns the model of a local folder with ``config.json``; its weights if ``pretrained``.

    Where the folder's weights have no pooler, the model has none: features are the first token's.

    Raises:
        ConfigError: transformers is not installed, no such folder, weights that leave arrays of the
            model undefined, or options it does not take.
    """
    folder, name = Path(network).expanduser(), f"hf:{network}"
    channels = _check(name, False, **options)
    if not (folder / "config.json").is_file():
        raise ConfigError(f"method.backbone={name}: no folder with a config.json")
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError:
        raise MissingLibrary(f"method.backbone={name}", "hf", "transformers") from None
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if getattr(config, "num_channels", channels) != channels:
        raise ConfigError(f"method.backbone={name}: reads {config.num_channels} channels")
    lacking = list[str]()
    if pretrained:
        model, told = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        lacking = sorted(told["missing_keys"])
    else:
        model = AutoModel.from_config(config)
    if _lacks_pooler(folder, model):
        # Also without weights: a checkpoint of ours is loaded into this model later.
        model.pooler = None
        rank_zero_warn(f"method.backbone={name}: no pooler in its weights: the first token is read")
    if undefined := [key for key in lacking if not key.startswith("pooler.")]:
        raise ConfigError(
            f"method.initial_weights={PRETRAINED}: those of {name} lack {undefined[0]}, which "
            "would be drawn at random; take a folder with all weights"
        )
    return _measured(model, channels, getattr(config, "image_size", SIZE))


def _lacks_pooler(folder: Path, model: Any) -> bool:
    """Tells whether ``model`` has a pooler with arrays that the folder's weights do not hold."""
    from safetensors import safe_open

    pooler = getattr(model, "pooler", None)
    if not isinstance(pooler, nn.Module) or not pooler.state_dict():
        return False
    held = list[str]()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            held += file.keys()
    return bool(held) and not any("pooler." in key for key in held)


def _check(name: str, only_colour: bool, channels: int, width: int, stem: str) -> int:
    """Returns ``channels``; refuses what is for our own networks only."""
    if width != 1:
        raise ConfigError(f"method.width={width}: for our own networks, not for {name}; use 1")
    if stem != "imagenet":
        raise ConfigError(f"method.stem={stem}: {name} has its own; use method.stem=imagenet")
    if only_colour and channels != 3:
        raise ConfigError(f"method.initial_weights: those of {name} read colour, not {channels}")
    return channels


def _has_convolution(part: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d) for layer in part.modules())


def _take_channels(model: nn.Module, channels: int) -> None:
    """Replaces the first convolution by one for ``channels``, drawn anew."""
    place, first = next(
        (place, part) for place, part in model.named_modules() if isinstance(part, nn.Conv2d)
    )
    parent, _, last = place.rpartition(".")
    made = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(model.get_submodule(parent), last, made)


def _measured(model: Any, channels: int, size: int = SIZE) -> nn.Module:
    """Returns ``model`` as a backbone, after an image has shown what it gives."""
    images = torch.zeros(1, channels, size, size)
    with torch.no_grad(), evaluating(model):
        features, stage = pooled_features(model, images), last_stage(model, images)
    num = features.shape[1]
    is_map = isinstance(stage, Tensor) and stage.ndim == 4 and stage.shape[1] == num
    return ForeignMap(model, num) if is_map else Foreign(model, num)
