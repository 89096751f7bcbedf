"""The feature filter: which dimensions of the embedding a pair of classes is compared in."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.losses.precision import upcast


class PairGate(nn.Module):
    """A network from two class labels to a gate in (0, 1) for each dimension.

    ``l = W2 BN2(relu(W1 BN1(relu(e)) + b1)) + b2``, ReLU before batch norm both times (BasicGate
    of all three repositories). "average" gates by ``sigmoid(l((e1 + e2) / 2))``, "product" by
    ``sigmoid(l(e1)) sigmoid(l(e2))``: both are symmetric. In training the batch norms run over
    the pairs of the batch, so a pair's gate depends on the others.

    Args:
        num_classes: Number of classes of the data.
        output_dim: K, the dimensions that are gated.
        embedding_dim: Width of the table of classes.
        hidden_dim: Width of the hidden layer.
        fusion: "average" or "product".
    """

    def __init__(
        self,
        num_classes: int,
        output_dim: int,
        embedding_dim: int = 512,
        hidden_dim: int = 1024,
        fusion: str = "average",
    ) -> None:
        super().__init__()
        self.fusion = fusion
        self.embedding = nn.Embedding(num_classes, embedding_dim)
        self.norm1 = nn.BatchNorm1d(embedding_dim)
        self.linear1 = nn.Linear(embedding_dim, hidden_dim)
        self.norm2 = nn.BatchNorm1d(hidden_dim)
        self.linear2 = nn.Linear(hidden_dim, output_dim)

    def logits(self, e: Tensor) -> Tensor:
        """Returns the gates before the sigmoid, ``(rows, dim)``, of embeddings ``(rows, ...)``."""
        hidden = self.linear1(self.norm1(torch.relu(e)))
        return self.linear2(self.norm2(torch.relu(hidden)))

    def forward(self, labels: Tensor, partners: Tensor) -> Tensor:
        """Returns the gates of pairs, ``(pairs, dim)``, never in half precision."""
        with torch.autocast(labels.device.type, enabled=False):
            first, second = self.embedding(labels), self.embedding(partners)
            if self.fusion == "average":
                return torch.sigmoid(upcast(self.logits((first + second) / 2)))
            # Together, so that both have the same batch statistics and the order does not matter.
            both = torch.sigmoid(upcast(self.logits(torch.cat([first, second]))))
            return both[: len(labels)] * both[len(labels) :]


class SharedGate(nn.Module):
    """One learned gate for all pairs: the ablation of what the labels bring.

    Args:
        num_classes: Number of classes of the data.
        output_dim: The dimensions that are gated.
    """

    def __init__(self, num_classes: int, output_dim: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        # Zero: half open, as the network's gates are on average before training.
        self.shared_logits = nn.Parameter(torch.zeros(output_dim))

    def forward(self, labels: Tensor, partners: Tensor) -> Tensor:
        """Returns the same gate for each pair, ``(pairs, dim)``."""
        return torch.sigmoid(upcast(self.shared_logits)).expand(len(labels), -1)


def class_gates(gate: nn.Module, num_classes: int) -> Tensor:
    """Returns ``gate(c, c)`` of each class, ``(classes, dim)``.

    In evaluation mode, with gradient: the running statistics stay those of pairs. (hydra calls
    the gate in whatever mode it is in, which in training mixes them with single classes.)
    """
    classes = torch.arange(num_classes, device=next(gate.parameters()).device)
    with evaluating(gate):
        return gate(classes, classes)


# How the paper turns gates into relations could not be read: these definitions are ours.
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
