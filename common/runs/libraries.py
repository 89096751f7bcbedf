"""Which network of a library a backbone is: its names there, and the calls that build it."""

from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.foreign import HEADS, Foreign
from common.backbones.published import to_detectron2
from common.backbones.resnet import ResNet
from common.backbones.vit import ViT, sine_positions
from common.errors import UsageError
from common.registry import BACKBONES

NO_STEM = "the library has no stem for small images: conv1 and maxpool are replaced"
# All three libraries have them under these names.
RESNETS = ("resnet18", "resnet50")
POSITIONS = "the positions, which were fixed here, are those of images of this size"


@dataclass(frozen=True)
class Call:
    """One line of Python, ``target = function(**options)``, with the full name of the function."""

    target: str
    function: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The line as a user writes it."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{self.target} = {self.function}({given})"


@dataclass(frozen=True)
class Network:
    """A backbone and how it was made; ``size``: a side of the images in pixels."""

    backbone: nn.Module
    name: str
    channels: int
    width: int
    stem: str
    size: int


@dataclass(frozen=True)
class Fit:
    """A backbone in a library: arrays under its names, and the calls that build its ``model``.

    Without calls the library reads the file by its own settings, which ``notes`` then name.
    """

    state: dict[str, Tensor]
    calls: list[Call]
    notes: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Python that builds the ``model``."""
        modules = dict.fromkeys(call.function.rsplit(".", 1)[0] for call in self.calls)
        return [*(f"import {name}" for name in modules), *(call.line for call in self.calls)]

    def build(self, state: dict[str, Tensor]) -> nn.Module:
        """Returns the library's network with the arrays of a file in it.

        Raises:
            ImportError: The library is not installed.
            RuntimeError: It does not take the arrays.
        """
        model = nn.Module()
        for call in self.calls:
            place, name = call.function.rsplit(".", 1)
            made = getattr(import_module(place), name)(**call.options)
            if call.target == "model":
                model = made
            else:
                setattr(model, call.target.removeprefix("model."), made)
        model.load_state_dict(state)
        return model.eval()


def fit(network: Network, library: str) -> Fit:
    """Returns ``network`` as one of ``library``: torchvision, timm, detectron2 or this project.

    Raises:
        UsageError: The library has no such network.
    """
    if isinstance(network.backbone, Foreign):
        return _fit_own(network.backbone.model, network, library)
    if library == "state-dict":
        options = {name: getattr(network, name) for name in ("channels", "width", "stem")}
        function = BACKBONES.entries[network.name].replace(":", ".")
        return Fit(network.backbone.state_dict(), [Call("model", function, options)])
    wide = f" of width {network.width}" if network.width > 1 else ""
    if network.name in RESNETS and not wide:
        return FITS[library](network)
    if type(network.backbone) is ViT and library != "detectron2":
        return _fit_vit(network, library)
    raise UsageError(f"--to {library}: it has no {network.name}{wide}; use --to state-dict")


def best_fit(network: Network) -> tuple[Fit, str]:
    """Returns ``network`` as its own library's or torchvision's ResNet, else as our own."""
    if isinstance(network.backbone, Foreign):
        library = network.name.partition(":")[0]
        return fit(network, library), library
    if type(network.backbone) is ResNet:
        with suppress(UsageError):
            return fit(network, "torchvision"), "torchvision"
    return fit(network, "state-dict"), "state-dict"


def is_changed(backbone: nn.Module, name: str, channels: int) -> bool:
    """Tells whether a library's network is none that its name alone makes again."""
    source = name.partition(":")[0]
    whole = source == "timm" or (source == "torchvision" and channels == 3)
    return isinstance(backbone, Foreign) and not whole


def _fit_own(model: nn.Module, network: Network, library: str) -> Fit:
    """Returns a network that was a library's from the start."""
    source, _, name = network.name.partition(":")
    if source != library:
        raise UsageError(f"--to {library}: this is {network.name}; leave --to out")
    if source == "timm":
        options = {"model_name": name, "num_classes": 0, "in_chans": network.channels}
        return Fit(model.state_dict(), [Call("model", "timm.create_model", options)])
    head = next(head for head in HEADS if hasattr(model, head))
    calls = [Call("model", f"torchvision.models.{name}", {"weights": None})]
    return Fit(model.state_dict(), [*calls, Call(f"model.{head}", "torch.nn.Identity")])


def _fit_torchvision(network: Network) -> Fit:
    if network.stem == "deep":
        raise UsageError("--to torchvision: it has no ResNet with a deep stem; use --to timm")
    calls = [
        Call("model", f"torchvision.models.{network.name}", {"weights": None}),
        Call("model.fc", "torch.nn.Identity"),
    ]
    if network.stem == "imagenet" and network.channels != 3:
        calls.append(_conv1(network.channels, 7, 2))
    return _with_stem(network, calls)


def _fit_timm(network: Network) -> Fit:
    options = {"model_name": network.name, "num_classes": 0, "in_chans": network.channels}
    if network.stem == "deep":
        options |= {"stem_type": "deep", "stem_width": 64, "output_stride": 8}
    return _with_stem(network, [Call("model", "timm.create_model", options)])


def _with_stem(network: Network, calls: list[Call]) -> Fit:
    """Returns the fit of a ResNet; its stem is replaced if it is that for small images."""
    if network.stem != "cifar":
        return Fit(network.backbone.state_dict(), calls)
    calls = [*calls, _conv1(network.channels, 3, 1), Call("model.maxpool", "torch.nn.Identity")]
    return Fit(network.backbone.state_dict(), calls, [NO_STEM])


def _conv1(channels: int, kernel: int, stride: int) -> Call:
    options = {"in_channels": channels, "out_channels": 64, "kernel_size": kernel}
    options |= {"stride": stride, "padding": kernel // 2, "bias": False}
    return Call("model.conv1", "torch.nn.Conv2d", options)


def _fit_detectron2(network: Network) -> Fit:
    if network.stem != "imagenet" or network.channels != 3:
        raise UsageError(
            "--to detectron2: its ResNets read colour images by method.stem=imagenet; use --to timm"
        )
    settings = ["MODEL.WEIGHTS: this file", f"MODEL.RESNETS.DEPTH: {network.name[6:]}"]
    settings += ["MODEL.RESNETS.STRIDE_IN_1X1: False", 'INPUT.FORMAT: "RGB"']
    if network.name == "resnet18":
        settings.append("MODEL.RESNETS.RES2_OUT_CHANNELS: 64")
    return Fit(to_detectron2(network.backbone.state_dict()), [], settings)


def _fit_vit(network: Network, library: str) -> Fit:
    backbone: Any = network.backbone
    dim, patch, state = backbone.num_features, backbone.patch, backbone.state_dict()
    blocks, side = backbone.encoder.layers, network.size // backbone.patch
    positions = torch.cat([torch.zeros(1, dim), sine_positions(side, side, dim).float()])[None]
    heads = blocks[0].self_attention.num_heads
    if library == "timm":
        options = {"img_size": network.size, "patch_size": patch, "in_chans": network.channels}
        options |= {"num_classes": 0, "embed_dim": dim, "depth": len(blocks), "num_heads": heads}
        named = {_timm_name(name): array for name, array in state.items()}
        calls = [Call("model", "timm.models.VisionTransformer", options)]
        return Fit({**named, "pos_embed": positions}, calls, [POSITIONS])
    options = {"image_size": network.size, "patch_size": patch, "num_layers": len(blocks)}
    options |= {"num_heads": heads, "hidden_dim": dim, "mlp_dim": 4 * dim}
    calls = [Call("model", "torchvision.models.VisionTransformer", options)]
    calls.append(Call("model.heads", "torch.nn.Identity"))
    if network.channels != 3:
        given = {"in_channels": network.channels, "out_channels": dim}
        given |= {"kernel_size": patch, "stride": patch}
        calls.append(Call("model.conv_proj", "torch.nn.Conv2d", given))
    return Fit({**state, "encoder.pos_embedding": positions}, calls, [POSITIONS])


def _timm_name(name: str) -> str:
    renamed = {
        "class_token": "cls_token",
        "conv_proj.": "patch_embed.proj.",
        "encoder.ln.": "norm.",
        "encoder.layers.encoder_layer_": "blocks.",
        "ln_": "norm",
        "self_attention.in_proj_": "attn.qkv.",
        "self_attention.out_proj.": "attn.proj.",
        "mlp.0.": "mlp.fc1.",
        "mlp.3.": "mlp.fc2.",
    }
    for ours, theirs in renamed.items():
        name = name.replace(ours, theirs)
    return name


FITS = {"torchvision": _fit_torchvision, "timm": _fit_timm, "detectron2": _fit_detectron2}
