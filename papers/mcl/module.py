"""MCL as a LightningModule: stages of SimCLR, each with an encoder of its own."""

from collections.abc import Iterable
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.backbones.modes import evaluating
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch, as_view_batch
from common.data.images.config import ImageFacts
from common.data.images.evaluation import DenseImages
from common.data.sampler import EpochBatchSampler
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather
from common.distributed.device import WHOLE_NUMBER
from common.distributed.draws import keyed_generator
from common.errors import ConfigError, UsageError
from common.losses.infonce import nt_xent
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from common.training.stages import Stage, configure_stages, enter_stage
from papers.mcl.config import MCLConfig
from papers.mcl.grouping import combine, find_clusters, grouped_order, kept_share
from papers.mcl.loss import contrast_within, integrate

ADVICE = "Try a higher method.temperature, a lower optimizer.lr or a larger data.batch_size"
# A stream of its own: far beyond any epoch.
GROUP_STREAM = 2**48


class Encoder(nn.Module):
    """The encoder of one stage, with its projector.

    Args:
        config: The ``method:`` section.
        facts: Facts of the images.
        backbone: A network of the user's own.
    """

    def __init__(self, config: MCLConfig, facts: ImageFacts, backbone: nn.Module | None) -> None:
        super().__init__()
        self.backbone = build_image_backbone(config, facts, backbone)
        dims = [self.backbone.num_features, config.hidden_dim, config.output_dim]
        self.projector = mlp(dims, batch_norm=False, bias=True)

    def forward(self, images: Tensor) -> Tensor:
        """Returns what is contrasted, ``(batch, output_dim)``, of any norm."""
        return self.projector(self.backbone(images))


class MCL(PaperModule):
    """Multistage contrastive learning (arXiv 2402.11816), on SimCLR.

    Args:
        method: Default: the published K and stages, on a ResNet-18.
        optimizer: Default: ours.
        facts: Facts of the images; default: colour, 32 x 32, and 50,000 of them.
        backbone: A network of your own in place of ``method.backbone``; the later stages' are
            copies of it.
    """

    groups: Tensor
    begun: Tensor
    seed: Tensor

    def __init__(
        self,
        method: MCLConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or MCLConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adam", lr=1e-3)
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or ImageFacts()
        own = [deepcopy(backbone) if stage else backbone for stage in range(config.stages)]
        encoders = [Encoder(config, facts, network) for network in own]
        self.encoders = nn.ModuleList(encoders)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        width = encoders[0].backbone.num_features
        # Columns of the embedding, for protocols.
        self.parts = {f"stage{n}": slice(n * width, (n + 1) * width) for n in range(config.stages)}
        # For each training image: images of one number are each other's negatives.
        self.register_buffer("groups", torch.zeros(facts.num_samples, dtype=torch.int64))
        self.register_buffer("begun", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seed", torch.randint(2**31, ()))
        # The same in all processes: DDP would send them from the first one at every step.
        same = ["groups", "begun", "seed", "batches_seen"]
        self._ddp_params_and_buffers_to_ignore = same
        self.stages = [self.make_stage(number) for number in range(config.stages)]
        self.collapse = CollapseWarning(ADVICE)

    def make_stage(self, number: int) -> Stage:
        """Returns stage ``number``, in which the encoders of the others rest."""
        config = self.method
        others = tuple(f"encoders.{n}" for n in range(config.stages) if n != number)
        return Stage(
            name=f"stage{number}",
            epochs=None if number == config.stages - 1 else config.stage_epochs,
            rates=self.optimizer,
            frozen=others,
            begin=partial(self.begin_stage, number),
        )

    @property
    def stage(self) -> int:
        """The number of the stage that has begun last; 0 before any."""
        return max(WHOLE_NUMBER.get(self.begun) - 1, 0)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the features of all stages side by side, ``(batch, stages * num_features)``."""
        h = [encoder.get_submodule("backbone")(images) for encoder in self.encoders]
        return integrate(h, self.method.normalise)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of SimCLR with the stage's encoder; both views pass it together."""
        batch = as_view_batch(batch, 2)
        z1, z2 = self.encoders[self.stage](torch.cat(batch.views)).chunk(2)  # (batch, dim)
        loss = self.contrast(z1, z2, batch)
        self.diagnose(loss, z1.detach(), batch)
        count_batch(self)
        return loss

    def contrast(self, z1: Tensor, z2: Tensor, batch: ViewBatch) -> Tensor:
        """Returns NT-Xent; negatives are of the anchor's group where batches are mixed."""
        temperature = self.method.temperature
        if self.method.batches == "grouped" or self.stage == 0:
            return nt_xent(z1, z2, temperature)
        groups = self.groups[batch.key.rows.to(self.groups.device)]
        return contrast_within(z1, z2, groups, temperature).mean()

    def on_train_start(self) -> None:
        """Enters the stage, where a run resumes within it or right before it."""
        self.enter()

    def on_train_epoch_start(self) -> None:
        """Enters the stage before the epoch's batches are drawn."""
        self.enter()

    def enter(self) -> None:
        """Begins the stage at its first batch, and lets its batches be drawn by group."""
        config = self.method
        enter_stage(self, self.stages)
        if self.stage and config.negatives != "all" and config.batches == "grouped":
            self.draw_by_group(getattr(self.trainer.train_dataloader, "sampler", None))

    def begin_stage(self, number: int) -> None:
        """Groups the training images by the stages before; nothing if that has been done."""
        if WHOLE_NUMBER.get(self.begun) > number:
            return
        if number and self.method.negatives != "all":
            self.regroup(number, self.training_images())
        self.begun.fill_(number + 1)

    @torch.no_grad()
    def regroup(self, number: int, batches: Iterable[Tensor]) -> None:
        """Splits the groups by the clusters of the stage before ``number``.

        Args:
            number: Number of the stage that begins, from 1 on.
            batches: All training images in order, without augmentation, on the module's device.
        """
        config, generator = self.method, keyed_generator(int(self.seed), GROUP_STREAM, number)
        if config.negatives == "random":
            clusters = torch.randint(config.num_clusters, self.groups.shape, generator=generator)
        else:
            backbone = self.encoders[number - 1].get_submodule("backbone")
            with evaluating(backbone):
                features = torch.cat([backbone(images).cpu() for images in batches])
            seed = int(torch.randint(2**31, (), generator=generator))
            clusters = find_clusters(features, config.num_clusters, config.kmeans_starts, seed)
        clusters = gather(clusters.to(self.groups.device))[: len(clusters)]  # the first process's
        self.groups.copy_(combine(self.groups, clusters, config.num_clusters))

    def training_images(self) -> Iterable[Tensor]:
        """Yields all training images as tested ones are, labelled or not.

        Raises:
            UsageError: The Trainer has no data module of this project.
        """
        data: Any = getattr(self.trainer, "datamodule", None)
        if data is None:
            raise UsageError(
                "trainer: no datamodule of this project, whose images MCL clusters; call "
                "module.regroup, or use method.stages=1"
            )
        return DenseImages(data.set["train"], data.config).whole(self.device)

    def draw_by_group(self, sampler: Any) -> None:
        """Lets ``sampler`` draw batches of one group from its next epoch on.

        Raises:
            UsageError: It is not this project's.
            ConfigError: More than half of the images are in groups that fill no batch.
        """
        if not isinstance(sampler, EpochBatchSampler):
            raise UsageError(
                "trainer: its loader has no sampler of this project, which would draw batches of "
                "one group; use method.batches=mixed"
            )
        rows = torch.arange(sampler.num_samples)
        groups = self.groups.cpu()[rows % len(self.groups)]
        left_out = 1 - kept_share(groups, sampler.batch_size)
        if left_out > 0.5:
            raise ConfigError(
                f"method.num_clusters={self.method.num_clusters}: {left_out:.0%} of the images are "
                f"left out of stage {self.stage}; lower it, stages or data.batch_size"
            )
        sampler.order = partial(grouped_order, groups, sampler.batch_size, len(sampler))

    def configure_optimizers(self) -> Any:
        """Adam, its schedule and its momenta anew in each stage."""
        return configure_stages(self, self.stages, self.optimizer)

    def diagnose(self, loss: Tensor, z: Tensor, batch: ViewBatch) -> None:
        """Logs the loss, spread and stage, and what groups leave out, where metrics are written."""
        log_embeddings(self, loss, z, self.collapse)
        if is_log_due(self):
            self.log("diag/stage", float(self.stage))
            if self.stage and self.method.negatives != "all":
                kept = kept_share(self.groups, batch.key.global_size)
                self.log("diag/left_out", 100 * (1 - kept))
