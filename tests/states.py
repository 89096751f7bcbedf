"""States of modules: at a batch, or saved, and what tests break in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class Counted(nn.Module):
    """A module whose training has come to batch ``seen``; it has nothing else."""

    def __init__(self, seen: int = 0) -> None:
        super().__init__()
        self.register_buffer("batches_seen", torch.tensor(seen))


def save(folder: Path, content: Any) -> Path:
    """Returns the file that ``content`` is saved to."""
    torch.save(content, folder / "weights.pth")
    return folder / "weights.pth"


def change(name: str, array: Tensor) -> Callable[[State], State]:
    """Returns what puts ``array`` into a state under an official, wrapped module's name."""
    return lambda state: state | {f"module.{name}": array}


def without(name: str) -> Callable[[State], State]:
    """Returns what leaves an array out of such a state."""
    return lambda state: {n: array for n, array in state.items() if n != f"module.{name}"}
