"""What the gates tell of the classes.

How the paper turns gates into relations could not be read: these definitions are ours.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.modes import evaluating
from papers.hydra.gate import class_gates


@torch.no_grad()
def pair_gates(gate: nn.Module, classes: Tensor) -> Tensor:
    """Returns the gate of every ordered pair of ``classes (C,)`` in evaluation, ``(C, C, dim)``."""
    classes = classes.to(next(gate.parameters()).device)
    # A row of pairs at a time: C x C embeddings of 512 would not fit for 1000 classes.
    with evaluating(gate):
        return torch.stack([gate(first.expand(len(classes)), classes) for first in classes])


def active_count(gates: Tensor, threshold: float = 0.5) -> Tensor:
    """Returns how many entries of ``gates (..., dim)`` are above ``threshold``."""
    return (gates > threshold).sum(dim=-1)


@torch.no_grad()
def class_relations(gate: nn.Module, num_classes: int) -> Tensor:
    """Returns the cosine between the gates of single classes, ``(C, C)``."""
    rows = F.normalize(class_gates(gate, num_classes), dim=1)
    return rows @ rows.T
