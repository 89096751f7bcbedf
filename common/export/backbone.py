"""A backbone as a file for a library: its names there, the calls that build it, loaded back."""

import io
import json
from collections import OrderedDict
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.backbones.foreign import HEADS, Foreign
from common.backbones.published import to_detectron2
from common.backbones.resnet import ResNet
from common.backbones.vit import ViT, sine_positions
from common.config.files import write_atomic
from common.config.schema import Recipe
from common.distributed.draws import keyed_generator
from common.errors import LikewiseError, UsageError
from common.registry import BACKBONES
from common.runs.folder import RunFolder
from common.training.fit import Experiment

NO_STEM = "the library has no stem for small images: conv1 and maxpool are replaced"
# All three libraries have them under these names.
RESNETS = ("resnet18", "resnet50")
# Tolerance of features in float32, relative to the largest.
LARGEST_DIFFERENCE = 1e-4
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


def fit_to(network: Network, library: str) -> Fit:
    """Returns ``network`` as one of ``library``: torchvision, timm, detectron2 or this project.

    Raises:
        UsageError: The library has no such network.
    """
    if isinstance(network.backbone, Foreign):
        return _fit_own(network.backbone.model, network, library)
    if library == "state-dict":
        options = {name: getattr(network, name) for name in ("channels", "width", "stem")}
        target = BACKBONES.target(network.name)
        assert target is not None  # it was built by this name
        return Fit(
            network.backbone.state_dict(), [Call("model", target.replace(":", "."), options)]
        )
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
        return fit_to(network, library), library
    if type(network.backbone) is ResNet:
        with suppress(UsageError):
            return fit_to(network, "torchvision"), "torchvision"
    return fit_to(network, "state-dict"), "state-dict"


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


class Written(NamedTuple):
    """What `export_backbone` wrote: the file, what it is, how to load it and how it was checked."""

    path: Path
    description: dict[str, Any]
    lines: list[str]
    notes: list[str]


def export_backbone(
    experiment: Experiment, run: RunFolder, target: Path, library: str | None = None
) -> Written:
    """Writes the run's backbone for a library, after loading it back and comparing the features.

    Args:
        experiment: The run's data and trained module.
        run: Its folder.
        target: The file. A .pt holds a state dict whose attribute ``description`` says what it is,
            a .safetensors says it in its metadata, and Detectron2's .pth beside ``model``.
        library: torchvision, timm, detectron2 or state-dict; None: torchvision's for a ResNet that
            it has, else the state dict of our own class.

    Raises:
        UsageError: If the paper's module has no ``backbone``, or the library no such network.
        LikewiseError: If the library's network computes something else.
    """
    backbone = getattr(experiment.module, "backbone", None)
    if backbone is None:
        raise UsageError(f"{run.path}: this paper's module has no backbone to export")
    network = describe_network(experiment, backbone)
    if network is None and library in (None, "state-dict"):
        fitted, library = Fit(backbone.state_dict(), []), "state-dict"
        lines = ["import common, torch", f"model = common.load({str(run.path)!r}).backbone"]
    elif network is None:
        raise UsageError(f"--to {library}: it has no encoder of {experiment.recipe.paper}")
    else:
        fitted, library = (fit_to(network, library), library) if library else best_fit(network)
        lines = fitted.lines
    description = {
        "project": f"likewise {version('likewise')}",
        "paper": experiment.recipe.paper,
        "run": run.id,
        "keys": library,
        **(describe(network, experiment.recipe) if network else {}),
    }
    lines = [*lines, *load_lines(target, library)]
    if network is not None:
        lines += transform_lines(experiment.recipe, network.channels)
    content = weights_bytes(fitted.state, {**description, "load": lines}, target, library)
    notes = [*fitted.notes, check_content(content, target, fitted, backbone, network, library)]
    if network is not None and network.channels == 1:
        notes.append("reads grey images: the transform leaves the colour of others out")
    write_atomic(target, content)
    return Written(target, description, lines, notes)


def describe_network(experiment: Experiment, backbone: nn.Module) -> Network | None:
    """Returns how a backbone of images was made; None for what only the run can make again."""
    method, facts = experiment.recipe.method, experiment.data.facts
    shape = getattr(facts, "shape", None) or [
        getattr(facts, name, 0) for name in ("channels", "size")
    ]
    name = str(getattr(method, "backbone", None))
    if not BACKBONES.knows(name) or not all(shape) or is_changed(backbone, name, shape[0]):
        return None
    size = getattr(experiment.recipe.data, "test_crop", None) or shape[-1]
    return Network(backbone, name, shape[0], method.width, method.stem, size)


def describe(network: Network, recipe: Recipe) -> dict[str, Any]:
    """Returns what one must know of a backbone of images to use it, in plain values."""
    return {
        "architecture": network.name,
        "stem": network.stem,
        "width": network.width,
        "input": [network.channels, network.size, network.size],
        "resize": _resize(recipe),
        "crop": getattr(recipe.data, "test_crop", None),
        "mean": list(recipe.data.mean),
        "std": list(recipe.data.std),
        "num_features": network.backbone.num_features,
    }


def _resize(recipe: Recipe) -> int | list[int] | None:
    """Returns what tested images are scaled to: the shorter side, or both where they have numbers.

    None: they stay as they are.
    """
    data = recipe.data
    return data.test_resize if hasattr(data, "test_resize") else [data.size, data.size]


def transform_lines(recipe: Recipe, channels: int) -> list[str]:
    """Returns the Python that prepares an image (PIL, or a uint8 tensor) as the protocols do."""
    data = recipe.data
    steps = ["v2.ToImage()", "v2.ToDtype(torch.float32, scale=True)"]
    if channels == 1:
        steps.insert(1, "v2.Grayscale()")
    if (resize := _resize(recipe)) is not None:
        steps.append(f"v2.Resize({resize})")
    if (crop := getattr(data, "test_crop", None)) is not None:
        steps.append(f"v2.CenterCrop({crop})")
    if data.mean:
        steps.append(f"v2.Normalize({list(data.mean)}, {list(data.std)})")
    return [
        "from torchvision.transforms import v2",
        "transform = v2.Compose([",
        *(f"    {step}," for step in steps),
        "])",
    ]


def load_lines(target: Path, library: str) -> list[str]:
    """Returns the Python that loads the file into ``model``."""
    if library == "detectron2":
        return []
    if target.suffix == ".safetensors":
        read = ["import safetensors.torch", f"state = safetensors.torch.load_file({str(target)!r})"]
    else:
        read = ["import torch", f"state = torch.load({str(target)!r}, weights_only=True)"]
    return [*read, "model.load_state_dict(state)"]


def weights_bytes(
    state: dict[str, Tensor], description: dict[str, Any], target: Path, library: str
) -> bytes:
    """Returns the file of weights; its ending says which form."""
    if target.suffix == ".safetensors":
        from safetensors import torch as safetensors_torch

        arrays = {name: array.contiguous() for name, array in state.items()}
        said = {"format": "pt", "description": json.dumps(description)}
        return safetensors_torch.save(arrays, metadata=said)
    content, plain = io.BytesIO(), OrderedDict(state)
    plain.description = description  # type: ignore[attr-defined]
    if library == "detectron2":
        # It finds each array by the end of its name, wherever a model keeps its backbone.
        whole = {"model": dict(state), "matching_heuristics": True, "description": description}
        torch.save(whole, content)
    else:
        torch.save(plain, content)
    return content.getvalue()


def check_content(
    content: bytes,
    target: Path,
    fitted: Fit,
    backbone: nn.Module,
    network: Network | None,
    library: str,
) -> str:
    """Reads the file's bytes back as their user will, and returns what that showed."""
    if library == "detectron2":
        return "not loaded back: Detectron2 is not called here; its names are the documented ones"
    if target.suffix == ".safetensors":
        from safetensors import torch as safetensors_torch

        state = safetensors_torch.load(content)
    else:
        state = torch.load(io.BytesIO(content), weights_only=True)
    if network is None:
        deepcopy(backbone).load_state_dict(state)
        return "loaded back into the run's own backbone"
    if library == "timm" and find_spec("timm") is None:
        return "not loaded back: timm is not installed"
    images = torch.rand(
        2, network.channels, network.size, network.size, generator=keyed_generator(0)
    )
    with torch.no_grad():
        expected, found = backbone.eval()(images), fitted.build(state)(images)
    difference = float((expected - found).abs().max() / expected.abs().max().clamp_min(1e-12))
    if not difference < LARGEST_DIFFERENCE:
        raise LikewiseError(f"{target}: {library} computes other features ({difference:.1e})")
    return f"loaded back: {fitted.calls[0].function} gives the same features"
