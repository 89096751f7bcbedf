"""Checkpoints written whole or not at all, and read without running code."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from common.checkpoints.published import refused_code
from common.errors import LikewiseError
from common.files import sync_folder

NAME = "batch-{:09d}.ckpt"
PATTERN = "batch-*.ckpt"


class CheckpointError(LikewiseError):
    """A checkpoint that cannot be written or read."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file in the same folder, syncs, renames.

    Lightning's default writes through the system's temporary folder and moves: killed in
    mid-move, it leaves a torn file under the final name.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes ``checkpoint`` to ``path``; raises `CheckpointError` when the disk is full."""
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
        except (OSError, RuntimeError) as error:  # torch wraps a full disk in RuntimeError
            temporary.unlink(missing_ok=True)
            raise CheckpointError(
                f"{target}: not written ({error}); earlier checkpoints are untouched. "
                f"Free some space, then: papers resume {target.parent.parent}"
            ) from None

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Reads a checkpoint as data; see `read_checkpoint`."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Returns the checkpoint at ``path``, on the CPU.

    Raises:
        CheckpointError: If the file is missing, truncated, tries to run code, or is not ours.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a broken or unsafe file
        code = refused_code(error)
        said = (
            f"would run code ({code}) and was refused; no run of ours writes such a file: remove it"
            if code
            else "truncated or not a checkpoint"
        )
        raise CheckpointError(f"{path}: {said}") from error
    if not isinstance(checkpoint, dict) or "likewise" not in checkpoint:
        raise CheckpointError(f"{path}: a checkpoint of another program (it lacks our position)")
    return checkpoint


def last_good_checkpoint(folder: Path, run_id: str | None = None) -> tuple[Path | None, list[str]]:
    """Returns the newest usable checkpoint of ``folder`` and what was wrong with newer ones.

    With ``run_id``, a checkpoint of another run is none.
    """
    problems: list[str] = []
    for path in sorted(folder.glob(PATTERN), reverse=True):
        try:
            owner = read_checkpoint(path)["likewise"].get("run_id")
        except CheckpointError as error:
            problems.append(str(error))
            continue
        if run_id in (None, owner):
            return path, problems
        problems.append(
            f"{path}: a checkpoint of run {owner}, not of {run_id}; if the folder was renamed, "
            f"name it {owner} again"
        )
    return None, problems
