"""What AMCL takes over from its four bases: who is paired with whom, and the networks for it.

Each has ``encode`` (both views to what is compared), ``loss`` (that to loss and terms) and
``remember`` (what later steps read); heads are always the dimension after the batch.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.distributed.collectives import gather
from common.methods.heads import mlp
from common.methods.moco import enqueue
from common.optim.ema import momentum_copy, update_momentum
from papers.amcl.config import AMCLConfig
from papers.amcl.loss import (
    Phi,
    Result,
    Rule,
    attract,
    contrast_queue,
    contrast_views,
    decorrelate,
)

Encoder = Callable[[Tensor], Tensor]
# Tensors (batch, heads, dim): of the first view, then of the second.
Encoded = tuple[Tensor, ...]


class Heads(nn.ModuleList):
    """Networks of one shape and independent weights."""

    def __init__(self, count: int, make: Callable[[], nn.Module]) -> None:
        super().__init__(make() for _ in range(count))

    def forward(self, h: Tensor) -> Tensor:
        """Maps ``(batch, features)``, or one row a head, to ``(batch, heads, dim)``."""
        rows = h.unbind(1) if h.ndim == 3 else [h] * len(self)
        return torch.stack([head(x) for head, x in zip(self, rows, strict=True)], 1)


def projection_heads(num_features: int, config: AMCLConfig) -> Heads:
    """Returns the C heads of generation 2, in the shape that goes with the base."""
    if config.base in ("simclr", "moco"):
        dims = [num_features, config.hidden_dim, config.output_dim]
        return Heads(config.num_heads, lambda: mlp(dims, batch_norm=False))
    dims = [num_features, config.hidden_dim, config.hidden_dim, config.output_dim]
    shared = config.base == "simsiam" and config.shared_target
    return Heads(1 if shared else config.num_heads, lambda: mlp(dims, last_norm=True))


class Base(nn.Module):
    """SimCLR: both views pass the network together, and the batch has the negatives."""

    def __init__(self, config: AMCLConfig, backbone: nn.Module, heads: Heads) -> None:
        super().__init__()
        self.config = config

    def encode(self, project: Encoder, views: list[Tensor]) -> Encoded:
        """Returns ``z1`` and ``z2``."""
        return project(torch.cat(views)).chunk(2)

    def loss(self, encoded: Encoded, phi: Phi, rule: Rule) -> Result:
        """Eq. 2.1."""
        z1, z2 = encoded
        return contrast_views(z1, z2, phi, rule)

    def remember(self, encoded: Encoded) -> None:
        """Nothing."""

    def on_update(self, backbone: nn.Module, heads: Heads) -> None:
        """Nothing follows the optimizer's updates."""


class MoCoBase(Base):
    """MoCo: queries of the first view, keys of the second, a queue for each head.

    The queue holds the keys of all processes in each of them. The keys' batch norms see whole
    batches: generation 2 does not shuffle them.
    """

    queue: Tensor
    queue_start: Tensor

    def __init__(self, config: AMCLConfig, backbone: nn.Module, heads: Heads) -> None:
        super().__init__(config, backbone, heads)
        self.key_encoder = momentum_copy(nn.Sequential(backbone, heads))
        queue = torch.randn(config.num_heads, config.queue_length, config.output_dim)
        self.register_buffer("queue", F.normalize(queue, dim=2))
        self.register_buffer("queue_start", torch.zeros((), dtype=torch.int64))

    def encode(self, project: Encoder, views: list[Tensor]) -> Encoded:
        """Returns queries and keys."""
        q = project(views[0])
        with torch.no_grad():
            return q, self.key_encoder(views[1])

    def loss(self, encoded: Encoded, phi: Phi, rule: Rule) -> Result:
        """Eq. 2.1 with the queue's negatives."""
        q, k = encoded
        return contrast_queue(q, k, self.queue, phi, rule, self.config.symmetric)

    def remember(self, encoded: Encoded) -> None:
        """Puts the unit keys of all processes into the queues."""
        keys = gather(F.normalize(encoded[1].to(self.queue.dtype), dim=2))
        enqueue(self.queue, self.queue_start, keys.transpose(0, 1))

    def on_update(self, backbone: nn.Module, heads: Heads) -> None:
        """Moves the key encoder after the queries'."""
        update_momentum(self.key_encoder, nn.Sequential(backbone, heads), self.config.momentum)


class SimSiamBase(Base):
    """SimSiam: a predictor for each head; each view passes the network alone."""

    def __init__(self, config: AMCLConfig, backbone: nn.Module, heads: Heads) -> None:
        super().__init__(config, backbone, heads)
        dims = [config.output_dim, config.predictor_dim, config.output_dim]
        self.predictors = Heads(config.num_heads, lambda: mlp(dims))

    def encode(self, project: Encoder, views: list[Tensor]) -> Encoded:
        """Returns prediction and target of the first view, then of the second."""
        return *self.predict(project(views[0])), *self.predict(project(views[1]))

    def predict(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns ``(p, z)``; a shared target stays one head, which all predictors read."""
        return self.predictors(z.expand(-1, self.config.num_heads, -1)), z

    def loss(self, encoded: Encoded, phi: Phi, rule: Rule) -> Result:
        """Eq. 2.2."""
        p1, z1, p2, z2 = encoded
        return attract(p1, z1, p2, z2, phi, rule)


class BarlowBase(Base):
    """Barlow Twins: channels are paired, not images; each view passes the network alone."""

    def encode(self, project: Encoder, views: list[Tensor]) -> Encoded:
        """Returns ``z1`` and ``z2``."""
        return project(views[0]), project(views[1])

    def loss(self, encoded: Encoded, phi: Phi, rule: Rule) -> Result:
        """Eq. 2.3."""
        z1, z2 = encoded
        return decorrelate(z1, z2, phi, rule)


BASES: dict[str, Any] = {
    "simclr": Base,
    "moco": MoCoBase,
    "simsiam": SimSiamBase,
    "barlow-twins": BarlowBase,
}
