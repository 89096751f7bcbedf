"""What a finished run leaves for others: the module, weights, embeddings."""

import io
from pathlib import Path

import numpy as np
import torch

from common.checkpoints.io import last_good_checkpoint, read_checkpoint
from common.config import Recipe
from common.errors import LikewiseError, UsageError
from common.files import write_atomic
from common.launch import evaluation_device
from common.runs import open_run
from common.train import Ready, load_best, prepare


def load_run(run_dir: Path, recipe: Recipe | None = None) -> Ready:
    """Rebuilds a run's data and module and loads its selected weights, on the CPU.

    Args:
        run_dir: The run's folder.
        recipe: In place of the run's own, with the same module.

    Raises:
        UsageError: If ``run_dir`` is no run folder.
        LikewiseError: If it holds no readable checkpoint.
    """
    run = open_run(Path(run_dir))
    ready = prepare(recipe or run.read_recipe())
    if not load_best(ready, run):
        path, problems = last_good_checkpoint(run.checkpoints)
        if path is None and ready.recipe.trainer.epochs > 0:
            raise LikewiseError(f"{run.checkpoints}: no readable checkpoint. {' '.join(problems)}")
        if path is not None:
            ready.module.load_state_dict(read_checkpoint(path)["state_dict"])
    ready.module.eval()
    return ready


def export_backbone(run_dir: Path, out: Path | None) -> Path:
    """Writes the run's backbone as a plain state dict (torchvision's keys where it has them).

    Raises:
        UsageError: If the paper's module has no ``backbone``.
    """
    module = load_run(run_dir).module
    backbone = getattr(module, "backbone", None)
    if backbone is None:
        raise UsageError(f"{run_dir}: this paper's module has no backbone to export")
    target = out or Path(run_dir) / "backbone.pt"
    content = io.BytesIO()
    torch.save(backbone.state_dict(), content)
    write_atomic(target, content.getvalue())
    return target


def embed_data(run_dir: Path, path: Path, out: Path | None) -> Path:
    """Embeds the user's data at ``path`` and writes ``embeddings.npz``.

    The data module of the run's modality reads ``path`` in its ordinary form and says which
    arrays it returns (at least ``embedding``, shape ``(rows, dim)``).
    """
    ready = load_run(run_dir)
    ready.module.to(evaluation_device(ready.recipe))
    arrays = ready.data.embed_path(ready.module, Path(path))
    target = out or Path(run_dir) / "embeddings.npz"
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomic(target, content.getvalue())
    return target
