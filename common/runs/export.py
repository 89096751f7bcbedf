"""What a finished run leaves for others: the module, weights, embeddings."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.backbones.formats import to_detectron2
from common.config.schema import Recipe
from common.data.catalogue.packers.arrays import npz_bytes
from common.errors import LikewiseError, UsageError
from common.evaluation.finite import require_finite
from common.paper import get_paper
from common.runs.checkpoints import last_good_checkpoint
from common.runs.files import write_atomic
from common.runs.folder import open_run
from common.runs.launch import evaluation_device
from common.runs.run import prepare
from common.training.checkpoint import read_checkpoint
from common.training.fit import Experiment
from common.training.selection import best_state

KEYS = ["torchvision", "detectron2"]


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


def load_weights(recipe: Recipe, weights: Path) -> tuple[Experiment, str | None]:
    """Builds the recipe's data and module and loads published ``weights``, on the CPU.

    Returns:
        Both, and what the file leaves out, if anything.

    Raises:
        UsageError: If the paper reads no published weights, or the file is missing.
    """
    if not weights.is_file():
        raise UsageError(f"{weights}: no such file of weights")
    try:
        reader = get_paper(recipe.paper).part("weights")
    except ModuleNotFoundError:
        raise UsageError(f"{recipe.paper} reads no published weights") from None
    experiment = prepare(recipe, training_follows=False)
    left_out: str | None = reader.load_weights(experiment.module, weights)
    experiment.module.eval()
    return experiment, left_out


def export_backbone(run_dir: Path, out: Path | None, keys: str = "torchvision") -> Path:
    """Writes the run's backbone, in the names and the form that others read.

    Args:
        run_dir: The run.
        out: Where to; default ``backbone.pt``, or ``backbone-detectron2.pth``, in the run's folder.
        keys: "torchvision": a plain state dict, torchvision's names where it has them;
            "detectron2": what ``MODEL.WEIGHTS`` takes.

    Raises:
        UsageError: If the paper's module has no ``backbone``, or not one that ``keys`` can name.
    """
    if keys not in KEYS:
        raise UsageError(f"--keys {keys}: must be one of {', '.join(KEYS)}")
    module = load_run(run_dir).module
    backbone = getattr(module, "backbone", None)
    if backbone is None:
        raise UsageError(f"{run_dir}: this paper's module has no backbone to export")
    state, name = backbone.state_dict(), "backbone.pt"
    if keys == "detectron2":
        # It finds each array by the end of its name, wherever a model keeps its backbone.
        state = {"model": to_detectron2(state), "matching_heuristics": True}
        name = "backbone-detectron2.pth"
    target = out or Path(run_dir) / name
    content = io.BytesIO()
    torch.save(state, content)
    write_atomic(target, content.getvalue())
    return target


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
