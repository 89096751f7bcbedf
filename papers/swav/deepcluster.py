"""DeepCluster-v2 as a LightningModule: k-means on last epoch's embeddings gives the targets."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import all_reduce_sum, gather, world_size
from common.distributed.draws import keyed_generator
from common.errors import DataError, outline
from common.training.diagnostics import CollapseWarning, is_log_due
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.swav.config import DeepClusterConfig
from papers.swav.module import log_clusters, projection_head, unit_embeddings
from papers.swav.spherical_kmeans import spherical_kmeans

# The target of an image that no embedding is remembered of; such rows have no loss.
UNKNOWN = -100
ADVICE = "Try a lower optimizer.lr, or fewer method.num_prototypes"


class DeepClusterV2(PaperModule):
    """Predicts clusters of last epoch's embeddings (arXiv 2006.09882, its DeepCluster-v2).

    Every process holds the whole memory and computes its share of the k-means, so that a checkpoint
    has all of it: 4 bytes x assignment crops x training images x output_dim (1.3 GB on ImageNet).

    Args:
        method: Default: the paper's.
        optimizer: Default: the schema's. The paper: SGD with LARC.
        facts: Facts of the images; default: colour, and 50,000 of them.
        backbone: A network of your own in place of ``method.backbone``.
    """

    memory: Tensor
    targets: Tensor
    prototypes: Tensor

    def __init__(
        self,
        method: DeepClusterConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or DeepClusterConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or ImageFacts()
        self.backbone = build_image_backbone(config, facts, backbone)
        self.head = projection_head(self.backbone.num_features, config)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        crops, heads = len(config.assignment_crops), len(config.num_prototypes)
        remembered = torch.zeros(crops, facts.num_samples, config.output_dim)
        self.register_buffer("memory", remembered)
        unknown = torch.full((heads, facts.num_samples), UNKNOWN)
        self.register_buffer("targets", unknown)
        # The clusterings' centroids one below the other, (sum of num_prototypes, dim).
        centroids = torch.zeros(sum(config.num_prototypes), config.output_dim)
        self.register_buffer("prototypes", centroids)
        # The same in all processes: DDP would send them from the first one at every step.
        same = ["memory", "targets", "prototypes", "batches_seen"]
        self._ddp_params_and_buffers_to_ignore = same
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, views: list[Tensor]) -> Tensor:
        """Returns unit embeddings, ``(views, batch, dim)``."""
        return unit_embeddings(self.embed, self.head, views)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """Predicts the image's cluster of each clustering from every view.

        Raises:
            DataError: A batch that does not tell its images' numbers.
        """
        config, batch = self.method, with_numbers(batch)
        if batch.key.batch == 0:
            self.cluster(batch.key.epoch)
        rows = batch.key.rows.to(self.memory.device, non_blocking=True)
        z = self.project(batch.views)  # (views, batch, dim)
        scores = self.score(z)  # one (views, batch, prototypes) a clustering
        loss = cluster_prediction(scores, self.targets[:, rows], config.temperature)
        self.remember(rows, z.detach()[config.assignment_crops])
        self.diagnose(loss.detach(), z.detach(), scores[0].detach())
        count_batch(self)
        return loss

    @torch.no_grad()
    def cluster(self, epoch: int) -> None:
        """Sets prototypes and targets; clustering i is of the memory of crop i modulo crops."""
        config = self.method
        for head, centroids in enumerate(self.centroids()):
            z = self.memory[head % len(self.memory)]
            known = z.any(dim=1).nonzero()[:, 0]
            config.check_count(len(known))
            z = z if len(known) == len(z) else z[known]
            order = torch.randperm(len(z), generator=keyed_generator(epoch, head))
            first = order[: len(centroids)].to(z.device)
            move_empty = config.empty_clusters == "farthest"
            found, assigned = spherical_kmeans(z, first, config.kmeans_iterations, move_empty)
            centroids.copy_(found)
            self.targets[head].fill_(UNKNOWN)
            self.targets[head, known] = assigned

    def centroids(self) -> list[Tensor]:
        """Returns the prototypes of each clustering, ``(prototypes, dim)``, as views."""
        return list(self.prototypes.split(self.method.num_prototypes))

    def score(self, z: Tensor) -> list[Tensor]:
        """Returns cosines to each clustering's prototypes, ``(..., prototypes)``, never halved."""
        with torch.autocast(z.device.type, enabled=False):
            return [F.linear(z, centroids) for centroids in self.centroids()]

    @torch.no_grad()
    def remember(self, rows: Tensor, z: Tensor) -> None:
        """Writes unit embeddings ``(crops, batch, dim)`` of images ``rows`` of all processes."""
        everyone = gather(rows)
        for memory, of_crop in zip(self.memory, z, strict=True):
            memory[everyone] = gather(of_crop)

    def on_train_start(self) -> None:
        """Fills the memory by a pass without gradient over the first epoch's views."""
        if batches_seen(self):
            return
        with torch.no_grad():
            for batch in map(with_numbers, self.training_batches()):
                views = [batch.views[crop] for crop in self.method.assignment_crops]
                self.remember(batch.key.rows.to(self.memory.device), self.project(views))

    @torch.no_grad()
    def diagnose(self, loss: Tensor, z: Tensor, scores: Tensor) -> None:
        """Logs the loss and, where metrics are written, the signs of a collapse."""
        if not is_log_due(self):
            return
        self.log("train/loss", loss, sync_dist=True)
        view = self.method.assignment_crops[0]
        average = sum(map(math.log, self.method.num_prototypes)) / len(self.method.num_prototypes)
        signs = log_clusters(self, loss / average, z[view], scores[view])
        self.collapse.check(signs, batches_seen(self) + 1)


def with_numbers(batch: object) -> ViewBatch:
    """Returns the project's batch, whose key holds the numbers of its images; refuses another."""
    if not isinstance(batch, ViewBatch):
        raise DataError(
            f"{outline(batch)}: DeepCluster-v2 remembers images by number; needed is a ViewBatch "
            "whose key.rows are theirs"
        )
    return batch


def cluster_prediction(scores: list[Tensor], targets: Tensor, temperature: float) -> Tensor:
    """Returns the cross-entropy of every view, averaged over views, images and clusterings.

    Images without a target do not count. Under several processes the average is over the
    images of all: averaging gradients gives that of the global batch.

    Args:
        scores: Scores of each clustering ``(views, batch, prototypes)``, cosine similarities.
        targets: ``(clusterings, batch)``, clusters or `UNKNOWN`.
        temperature: Temperature of the softmax.
    """
    total = scores[0].new_zeros(())
    for own, target in zip(scores, targets, strict=True):
        known = all_reduce_sum((target != UNKNOWN).sum()).clamp(min=1) / world_size()
        repeated = target.repeat(len(own))
        logits = own.flatten(0, 1) / temperature
        summed = F.cross_entropy(logits, repeated, ignore_index=UNKNOWN, reduction="sum")
        total = total + summed / (known * len(own))
    return total / len(scores)
