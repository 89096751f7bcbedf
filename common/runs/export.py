"""What a finished run leaves for others: the module, weights, embeddings."""

import io
import json
from collections import OrderedDict
from copy import deepcopy
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.config.schema import Recipe
from common.data.catalogue.packers.arrays import npz_bytes
from common.data.sampler import keyed_generator
from common.errors import LikewiseError, UsageError
from common.evaluation.finite import require_finite
from common.files import reading, write_atomic
from common.registry import BACKBONES
from common.runs.checkpoints import last_good_checkpoint
from common.runs.folder import open_run
from common.runs.launch import evaluation_device
from common.runs.libraries import Fit, Network, best_fit, fit, is_changed
from common.runs.run import prepare
from common.training.checkpoint import read_checkpoint
from common.training.fit import Experiment
from common.training.selection import best_state

# Tolerance of features in float32, relative to the largest.
LARGEST_DIFFERENCE = 1e-4


def load_run(run_dir: Path, recipe: Recipe | None = None) -> Experiment:
    """Rebuilds a run's data and module and loads its selected weights, on the CPU.

    Args:
        run_dir: The run's folder.
        recipe: In place of the run's own, with the same module.

    Raises:
        UsageError: If ``run_dir`` is no run folder.
        LikewiseError: If it holds no readable checkpoint.
    """
    run = open_run(Path(run_dir))
    experiment = prepare(recipe or run.read_recipe(), training_follows=False)
    selects_best = experiment.recipe.evaluation.select == "best"
    best = best_state(experiment.recipe, run.checkpoints) if selects_best else None
    if best is not None:
        experiment.module.load_state_dict(best)
    else:
        path, problems = last_good_checkpoint(run.checkpoints)
        if path is None and experiment.recipe.trainer.epochs > 0:
            said = "; ".join([f"{run.checkpoints} holds no readable checkpoint", *problems])
            raise LikewiseError(said)
        if path is not None:
            experiment.module.load_state_dict(read_checkpoint(path)["state_dict"])
    experiment.module.eval()
    return experiment


class Written(NamedTuple):
    """What `export_backbone` wrote: the file, what it is, how to load it and how it was checked."""

    path: Path
    description: dict[str, Any]
    lines: list[str]
    notes: list[str]


def export_backbone(run_dir: Path, target: Path, library: str | None = None) -> Written:
    """Writes the run's backbone for a library, after loading it back and comparing the features.

    Args:
        run_dir: The run.
        target: The file. A .pt holds a state dict whose attribute ``description`` says what it is,
            a .safetensors says it in its metadata, and Detectron2's .pth beside ``model``.
        library: One of `outputs.LIBRARIES`; None: torchvision's for a ResNet that it has, else the
            state dict of our own class.

    Raises:
        UsageError: If the paper's module has no ``backbone``, or the library no such network.
        LikewiseError: If the library's network computes something else.
    """
    experiment = load_run(run_dir)
    backbone = getattr(experiment.module, "backbone", None)
    if backbone is None:
        raise UsageError(f"{run_dir}: this paper's module has no backbone to export")
    network = describe_network(experiment, backbone)
    if network is None and library in (None, "state-dict"):
        fitted, library = Fit(backbone.state_dict(), []), "state-dict"
        lines = ["import common, torch", f"model = common.load({str(run_dir)!r}).backbone"]
    elif network is None:
        raise UsageError(f"--to {library}: it has no encoder of {experiment.recipe.paper}")
    else:
        fitted, library = (fit(network, library), library) if library else best_fit(network)
        lines = fitted.lines
    description = {
        "project": f"likewise {version('likewise')}",
        "paper": experiment.recipe.paper,
        "run": Path(run_dir).resolve().name,
        "keys": library,
        **(describe(network, experiment.recipe) if network else {}),
    }
    lines = [*lines, *load_lines(target, library)]
    if network is not None:
        lines += transform_lines(experiment.recipe)
    content = weights_bytes(fitted.state, {**description, "load": lines}, target, library)
    notes = [*fitted.notes, check_content(content, target, fitted, backbone, network, library)]
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
        "resize": recipe.data.test_resize,
        "crop": recipe.data.test_crop,
        "mean": list(recipe.data.mean),
        "std": list(recipe.data.std),
        "num_features": network.backbone.num_features,
    }


def transform_lines(recipe: Recipe) -> list[str]:
    """Returns the Python that prepares an image (PIL, or a uint8 tensor) as the protocols do."""
    data = recipe.data
    steps = ["v2.ToImage()", "v2.ToDtype(torch.float32, scale=True)"]
    if data.test_resize is not None:
        steps.append(f"v2.Resize({data.test_resize})")
    if data.test_crop is not None:
        steps.append(f"v2.CenterCrop({data.test_crop})")
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


def embed_data(
    experiment: Experiment, weights: Path, path: Path, target: Path
) -> dict[str, NDArray[Any]]:
    """Embeds the user's data at ``path`` and writes them to ``target``, .npz or .parquet.

    The run's data module reads ``path`` in its ordinary form and says which arrays it returns.
    ``weights`` is where the module's come from, the run's folder or their file: the run's own items
    are no part of the data.

    Returns:
        What was written: ``embeddings`` (rows, dim), ``ids`` (rows,), ``labels`` (rows,) where they
        are known, and what else the paper gives.

    Raises:
        LikewiseError: Some are NaN or infinite, as none is that a protocol measures; ``target`` is
            as it was.
    """
    experiment.module.to(evaluation_device(experiment.recipe))
    with reading(path):
        found = experiment.data.embed_path(experiment.module, path)
    for name, array in found.items():
        if name.endswith("embeddings"):
            require_finite(torch.from_numpy(array), f"{weights}: {name} (data: {path})")
    first = {"embeddings": found["embeddings"], "ids": np.arange(len(found["embeddings"]))}
    arrays = {**first, **found}
    as_table = target.suffix == ".parquet"
    write_atomic(target, parquet_bytes(arrays) if as_table else npz_bytes(arrays))
    return arrays


def parquet_bytes(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Returns a Parquet file with a row for each of the ``embeddings``, which are lists of numbers.

    Arrays of another length, such as those of items, are left out: an npz holds them.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows, dim = arrays["embeddings"].shape
    columns = {k: pa.array(v) for k, v in arrays.items() if v.shape == (rows,)}
    flat = pa.array(arrays["embeddings"].reshape(-1))
    columns["embeddings"] = pa.FixedSizeListArray.from_arrays(flat, dim)
    content = io.BytesIO()
    parquet.write_table(pa.table(columns), content)
    return content.getvalue()
