"""Checkpoints, read without running code."""

from pathlib import Path
from typing import Any

import torch

from common.errors import LikewiseError


class CheckpointError(LikewiseError):
    """A checkpoint that cannot be written or read."""


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
        raise CheckpointError(f"{path}: not a whole checkpoint of plain tensors") from error
    if not isinstance(checkpoint, dict) or "likewise" not in checkpoint:
        raise CheckpointError(f"{path}: a checkpoint of another program (it lacks our position)")
    return checkpoint
