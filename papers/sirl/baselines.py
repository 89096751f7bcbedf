"""What SIRL is set beside: a variational auto-encoder, and features learnt from preferences."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.distributed.draws import keyed_generator
from common.methods.heads import mlp
from common.training.diagnostics import is_log_due
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.sirl.batch import as_preference_batch, as_row_batch
from papers.sirl.config import MultiPreferencesConfig, VAEConfig
from papers.sirl.data_config import TrajectoryFacts
from papers.sirl.loss import preference_losses
from papers.sirl.module import build_encoder


class VAE(PaperModule):
    """A variational auto-encoder of trajectories, which asks nobody.

    Args:
        method: Default: the published encoder of JacoRobot.
        optimizer: Default: the schema's.
        facts: Facts of the data; default: JacoRobot's.
    """

    draw_seed: Tensor

    def __init__(
        self,
        method: VAEConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TrajectoryFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or VAEConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts)
        columns = (facts or TrajectoryFacts()).num_columns
        self.backbone = build_encoder(config, columns, 2 * config.output_dim)
        dims = [config.output_dim, *reversed(config.hidden_dims), columns]
        self.decoder = mlp(dims, batch_norm=False, bias=True)
        # The noise is a function of it and the position, on every process alike.
        self.register_buffer("draw_seed", torch.randint(2**40, ()))

    def embed(self, rows: Tensor) -> Tensor:
        """Returns the mean of the code, ``(batch, output_dim)``."""
        return self.backbone(rows).chunk(2, 1)[0]

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: the sum of squared errors, and the weighted divergence from N(0, 1)."""
        batch = as_row_batch(batch)
        mean, log_variance = self.backbone(batch.rows).chunk(2, 1)
        key = batch.key
        generator = keyed_generator(int(self.draw_seed), batches_seen(self))
        noise = torch.randn(key.global_size, mean.shape[1], generator=generator)
        noise = noise[key.offset : key.offset + len(mean)].to(mean)
        rebuilt = self.decoder(mean + noise * (log_variance / 2).exp())
        error = F.mse_loss(rebuilt, batch.rows, reduction="none").sum(1).mean()
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
        loss = error + self.method.kl_weight * divergence
        if is_log_due(self):
            self.log("train/loss", loss.detach(), sync_dist=True)
            self.log("diag/error", error.detach())
        count_batch(self)
        return loss


class MultiPreferences(PaperModule):
    """An encoder under one reward network a person, trained on preferences of them all.

    Args:
        method: Default: the published encoder of JacoRobot.
        optimizer: Default: the schema's.
        facts: Facts of the data; default: JacoRobot's.
    """

    def __init__(
        self,
        method: MultiPreferencesConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TrajectoryFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or MultiPreferencesConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or TrajectoryFacts()
        self.backbone = build_encoder(config, facts.num_columns, config.output_dim)
        dims = [config.output_dim, *config.head_dims, 1]
        self.heads = nn.ModuleList(
            mlp(dims, batch_norm=False, bias=True) for _ in range(facts.num_people)
        )

    def embed(self, rows: Tensor) -> Tensor:
        """Returns the embedding, of any norm, ``(batch, output_dim)``."""
        return self.backbone(rows)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: cross-entropy of each pair by the network of the person who was asked."""
        batch = as_preference_batch(batch)
        z = self.embed(torch.stack([batch.first, batch.second]))
        everyone = torch.cat([head(z) for head in self.heads], 2)  # (2, batch, people)
        first, second = everyone.gather(2, batch.people.expand(2, -1)[..., None])[..., 0]
        loss = preference_losses(first, second, batch.labels, "cross_entropy").mean()
        if is_log_due(self):
            self.log("train/loss", loss.detach(), sync_dist=True)
        count_batch(self)
        return loss
