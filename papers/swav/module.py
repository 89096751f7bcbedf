"""SwAV as a LightningModule: `training_step` is the paper's algorithm box."""

import math
from collections.abc import Callable
from itertools import groupby

import torch
from lightning import LightningModule
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather, rank, world_size
from common.distributed.device import HostCopy
from common.losses.precision import unit
from common.losses.spread import effective_rank
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, embedding_std, is_log_due
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch, epoch_reached
from papers.swav.config import EncoderConfig, SwAVConfig, check_assignment_crops
from papers.swav.loss import assign, normalise_rows, push, queue_is_full, swapped_prediction

# Which queues are full, known without a look at the device, for which a step would wait.
_FULL: HostCopy[list[bool]] = HostCopy(lambda queue: [queue_is_full(each) for each in queue])
ADVICE = "Try method.epsilon=0.03, a longer method.freeze_batches or method.assignment=hard"


def projection_head(num_features: int, config: EncoderConfig) -> nn.Sequential:
    """Returns linear, batch norm, ReLU, linear (paper, section 4), or one linear layer."""
    hidden = [config.hidden_dim] if config.hidden_dim else []
    return mlp([num_features, *hidden, config.output_dim], config.head_batch_norm, bias=True)


def unit_embeddings(
    embed: Callable[[Tensor], Tensor], head: nn.Module, views: list[Tensor]
) -> Tensor:
    """Returns unit embeddings of all views, ``(views, batch, dim)``, in float32 or wider.

    Consecutive views of one size share a backbone pass; all views share one head pass, so
    that the head's batch statistics are over all of them.
    """
    groups = [torch.cat(list(group)) for _, group in groupby(views, lambda v: v.shape[-2:])]
    h = torch.cat([embed(group) for group in groups])  # (views * batch, num_features)
    z = head(h).unflatten(0, (len(views), -1))
    return unit(z)


class SwAV(PaperModule):
    """Contrasts cluster assignments of views (arXiv 2006.09882).

    Under several processes the codes are those of the global batch, and the queue holds the
    embeddings of all processes in every process: one checkpoint then has the whole of it.

    Args:
        method: Default: the paper's.
        optimizer: Default: the schema's. The paper: SGD with LARC, nothing excluded from decay.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    queue: Tensor

    def __init__(
        self,
        method: SwAVConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SwAVConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone = build_image_backbone(config, facts, backbone)
        self.head = projection_head(self.backbone.num_features, config)
        self.prototypes = nn.Linear(config.output_dim, config.num_prototypes, bias=False)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        crops, length = len(config.assignment_crops), config.queue_length
        self.register_buffer("queue", torch.zeros(crops, length, config.output_dim))
        # The same in all processes: DDP would send them from the first one at every step.
        self._ddp_params_and_buffers_to_ignore = ["queue", "batches_seen"]
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, views: list[Tensor]) -> Tensor:
        """Returns unit embeddings, ``(views, batch, dim)``."""
        return unit_embeddings(self.embed, self.head, views)

    def score(self, z: Tensor) -> Tensor:
        """Returns cosine similarities to the prototypes, ``(..., prototypes)``, never halved."""
        with torch.autocast(z.device.type, enabled=False):
            return self.prototypes(z)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the paper's Algorithm 1, with multi-crop and queue.

        ``batch.views`` are made of the loaded images, on the batch's device, by
        `ImageData.on_after_batch_transfer` (``common/data/images/module.py``).
        """
        config, batch = self.method, as_view_batch(batch)
        check_assignment_crops(config.assignment_crops, len(batch.views))
        normalise_rows(self.prototypes.weight)
        z = self.project(batch.views)  # (views, batch, dim)
        scores = self.score(z)  # (views, batch, prototypes)
        codes = torch.stack(
            [self.codes(scores[view], queue) for view, queue in self.crops_with_queues()]
        )  # (assignment crops, batch, prototypes)
        loss = swapped_prediction(scores, codes, config.assignment_crops, config.temperature)
        if self.queue_started():
            self.enqueue(z.detach())
        self.diagnose(loss.detach(), z.detach(), scores.detach())
        count_batch(self)
        return loss

    def crops_with_queues(self) -> list[tuple[int, Tensor | None]]:
        """Returns the assignment crops, each with its queue ``(length, dim)`` once that is full."""
        crops = self.method.assignment_crops
        if not self.method.queue_length:
            return [(view, None) for view in crops]
        queues = zip(crops, self.queue, _FULL.get(self.queue), strict=True)
        return [(view, queue if full else None) for view, queue, full in queues]

    @torch.no_grad()
    def codes(self, scores: Tensor, queue: Tensor | None) -> Tensor:
        """Returns the codes ``(batch, prototypes)`` of one crop, with its full queue or None."""
        config = self.method
        earlier = None
        if queue is not None:
            # Each process brings its share: together they are the whole queue, once.
            earlier = self.score(queue.chunk(world_size())[rank()])
        return assign(
            scores,
            config.epsilon,
            config.sinkhorn_iterations,
            earlier,
            hard=config.assignment == "hard",
            equipartition=config.equipartition,
        )

    def enqueue(self, z: Tensor) -> None:
        """Pushes the assignment crops of ``z`` ``(views, batch, dim)``, of all processes."""
        full = _FULL.get(self.queue)
        for view, queue in zip(self.method.assignment_crops, self.queue, strict=True):
            push(queue, gather(z[view]))
        if all(full):  # and stay it: no look needed, which would wait for a GPU
            _FULL.set(self.queue, full)

    def queue_started(self) -> bool:
        """Tells whether embeddings are kept: from the start of epoch ``queue_from_epoch`` on.

        Without a Trainer nobody counts epochs, and they are kept from the first batch on.
        """
        return self.method.queue_length > 0 and epoch_reached(self, self.method.queue_from_epoch)

    def on_after_backward(self) -> None:
        """Drops the prototypes' gradient while they are frozen.

        None, not zero: momentum, decay and layer-wise scaling would move them all the same.
        """
        # The batch has been counted already.
        if batches_seen(self) <= self.method.freeze_batches:
            self.prototypes.weight.grad = None

    @torch.no_grad()
    def diagnose(self, loss: Tensor, z: Tensor, scores: Tensor) -> None:
        """Logs the loss and, where metrics are written, the signs of a collapse."""
        if not is_log_due(self):
            return
        self.log("train/loss", loss, sync_dist=True)
        batch = batches_seen(self) + 1
        view = self.method.assignment_crops[0]
        ratio = loss / math.log(self.method.num_prototypes)
        signs = log_clusters(self, ratio, z[view], scores[view])
        # Once free, prototypes take about as long again to part.
        if batch > 2 * self.method.freeze_batches:
            signs["the loss stays at ln K"] = float(ratio) > 0.999
            self.collapse.check(signs, batch)


def log_clusters(
    module: LightningModule, loss_over_ln_k: Tensor, z: Tensor, scores: Tensor
) -> dict[str, bool]:
    """Logs what shows a collapse, and returns its signs for `CollapseWarning.check`.

    Args:
        module: Whose step it is.
        loss_over_ln_k: The loss, divided by that of even guessing.
        z: ``(batch, dim)``, unit embeddings of one view.
        scores: ``(batch, prototypes)`` of the same view.
    """
    used, entropy = prototype_usage(scores)
    std = embedding_std(z)
    module.log("diag/loss_over_ln_k", loss_over_ln_k)
    module.log("diag/prototypes_used", used.float())
    module.log("diag/prototype_entropy", entropy)
    module.log("diag/embedding_std", std)
    module.log("diag/effective_rank", effective_rank(z))
    return {
        "every image has the same prototype": int(used) == 1,
        "embeddings do not differ": float(std) < 0.01 * z.shape[-1] ** -0.5,
    }


@torch.no_grad()
def prototype_usage(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Returns how many prototypes are somebody's nearest, and the entropy of the assignment.

    ``scores``: (samples, prototypes). The entropy is divided by ln(prototypes): 1 is even use.
    """
    counts = torch.bincount(scores.argmax(dim=1), minlength=scores.shape[1])
    entropy = torch.special.entr(counts / counts.sum()).sum() / math.log(scores.shape[1])
    return (counts > 0).sum(), entropy
