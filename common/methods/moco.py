"""MoCo v2 (arXiv 1911.05722 and 2003.04297): queries meet the keys of a momentum encoder."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather, rank, world_size
from common.distributed.draws import keyed_generator
from common.errors import ConfigError
from common.losses.infonce import queue_info_nce
from common.methods.config import MoCoConfig
from common.methods.heads import mlp
from common.optim.ema import momentum_copy, update_momentum
from common.training.diagnostics import CollapseWarning, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch

ADVICE = "Try a higher method.temperature, a lower optimizer.lr or more method.batch_norm_groups"
# A stream of its own for dealing the keys to groups of batch norm.
SHUFFLE_STREAM = 2**43


class MoCo(PaperModule):
    """Momentum contrast; the queue holds the keys of all processes in each of them.

    With one group of batch norm several processes equal one with the whole batch, running
    statistics included; with more, which they must share equally, each process tracks the
    statistics of its own groups, as the official code does. Where a process has several groups,
    each moves the running statistics: with 8 in one process a step renews 57 % of them, and not
    10 %, as with the official code's one group a GPU.

    Args:
        method: Default: the paper's ImageNet values.
        optimizer: Default: the schema's. The paper: SGD.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    queue: Tensor
    queue_start: Tensor

    def __init__(
        self,
        method: MoCoConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or MoCoConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone = build_image_backbone(config, facts, backbone)
        dims = [self.backbone.num_features, config.hidden_dim, config.output_dim]
        self.projector = mlp(dims, batch_norm=False)
        if config.sync_batch_norm and config.batch_norm_groups == 1:
            convert_batch_norm(self)
        self.key_encoder = momentum_copy(nn.Sequential(self.backbone, self.projector))
        queue = F.normalize(torch.randn(config.queue_length, config.output_dim), dim=1)
        self.register_buffer("queue", queue)
        self.register_buffer("queue_start", torch.zeros((), dtype=torch.int64))
        # The same in all processes: DDP would send it from the first one at every step.
        self._ddp_params_and_buffers_to_ignore = ["queue"]
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the query encoder's features, which are evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, images: Tensor) -> Tensor:
        """Returns queries, ``(batch, output_dim)``, of any norm."""
        return self.projector(self.embed(images))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the paper's Algorithm 1; the momentum update is `on_update`."""
        batch = as_view_batch(batch, 2)
        first, second = batch.views
        pairs = [(first, second), (second, first)] if self.method.symmetric else [(first, second)]
        losses, all_keys = [], []
        for turn, (asked, answered) in enumerate(pairs):
            q = self.queries(asked)
            k = self.keys(answered, turn)  # both (batch, dim)
            losses.append(self.contrast(q, k, turn))
            all_keys.append(gather(k))
        enqueue(self.queue, self.queue_start, torch.cat(all_keys))
        loss = torch.stack(losses).mean()
        log_embeddings(self, loss, q.detach(), self.collapse)
        count_batch(self)
        return loss

    def contrast(self, q: Tensor, k: Tensor, turn: int) -> Tensor:
        """Returns the loss of queries against their keys and the queue, which it only reads.

        A paper that changes MoCo's loss or its negatives replaces this alone.

        Args:
            q: ``(batch, output_dim)``, of any norm, with gradient.
            k: ``(batch, output_dim)``, unit keys.
            turn: Which call of the step this is: each has draws of its own.
        """
        return queue_info_nce(q, k, self.queue, self.method.temperature)

    def queries(self, images: Tensor) -> Tensor:
        """Returns `project`, group by group of batch norm."""
        groups = groups_of_this_process(self.method.batch_norm_groups)
        return torch.cat([self.project(part) for part in images.chunk(groups)])

    @torch.no_grad()
    def keys(self, images: Tensor, turn: int = 0) -> Tensor:
        """Returns unit keys of ``images``, ``(batch, output_dim)``, normalised in other groups.

        Args:
            images: This process's.
            turn: Which call of the step this is: each deals anew.
        """
        groups = groups_of_this_process(self.method.batch_norm_groups)
        if self.method.batch_norm_groups == 1:
            return F.normalize(self.key_encoder(images).to(self.queue.dtype), dim=1)
        own = slice(rank() * len(images), (rank() + 1) * len(images))
        everyone = gather(images)
        generator = keyed_generator(SHUFFLE_STREAM, batches_seen(self), turn)
        order = torch.randperm(len(everyone), generator=generator).to(images.device)
        dealt = everyone[order[own]].chunk(groups)
        k = gather(torch.cat([self.key_encoder(part) for part in dealt]))
        return F.normalize(k[order.argsort()][own].to(self.queue.dtype), dim=1)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Moves the key encoder after each optimizer update, never after a mere batch."""
        super().optimizer_step(*args, **kwargs)
        self.on_update()

    def on_update(self) -> None:
        """Moves the key encoder after the queries' (Eq. 2)."""
        online = nn.Sequential(self.backbone, self.projector)
        update_momentum(self.key_encoder, online, self.method.momentum)


def groups_of_this_process(groups: int) -> int:
    """Returns this process's share of ``groups``; raises `ConfigError` if they are not shared."""
    if groups == 1:
        return 1
    if groups % world_size():
        raise ConfigError(
            f"method.batch_norm_groups: {groups} groups cannot be shared by {world_size()} "
            "processes; use a multiple, or 1"
        )
    return groups // world_size()


@torch.no_grad()
def enqueue(queue: Tensor, start: Tensor, keys: Tensor) -> None:
    """Writes ``keys`` over the oldest of ``queue`` and moves ``start`` behind them, in place.

    Args:
        queue: ``(..., length, dim)``, read as a ring.
        start: A whole number, the place of the oldest key.
        keys: ``(..., rows, dim)``, at most ``length`` rows.
    """
    length, rows = queue.shape[-2], keys.shape[-2]
    places = (start + torch.arange(rows, device=queue.device)) % length
    queue[..., places, :] = keys.to(queue.dtype)
    start.copy_((start + rows) % length)
