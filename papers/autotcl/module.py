"""AutoTCL as a LightningModule: augmenter and encoder learn in turns."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from common.backbones.modes import evaluating, frozen
from common.config.schema import OptimizerConfig
from common.data.series.batches import SeriesBatch, as_series_batch
from common.data.series.config import SeriesFacts
from common.distributed.collectives import rank, world_size
from common.optim.build import build_optimizer
from common.optim.manual import descend
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.position import batches_seen
from papers.autotcl.augmenter import Augmenter, Factors, gate, harden, view
from papers.autotcl.averaging import AveragedEncoder
from papers.autotcl.backbone import DilatedEncoder, draw_keep
from papers.autotcl.config import AutoTCLConfig
from papers.autotcl.loss import (
    consistency,
    info_nce,
    local_info_nce,
    mask_size,
    mean_cosine,
    mmd,
    pool,
)

ADVICE = "Try a smaller optimizer.lr or method.augmenter_lr, or a larger data.batch_size"
# Streams of draws within an iteration.
AUGMENTER_VIEW, ENCODER_VIEW, STEPS, SEGMENTS, KEEP_X, KEEP_V, KEEP_A = range(7)


class AutoTCL(AveragedEncoder):
    """Contrast of series with views that an augmenter learns to make (arXiv 2402.10434).

    What is evaluated is `average`, the mean of the encoder's weights from the start on. Several
    processes: contrast, discrepancy and mask size are over the global batch.

    Args:
        method: Default: the code's preset for ETTh1, univariate.
        optimizer: Optimizer of the encoder; default: AdamW at that preset's rate.
        facts: Facts of the data.
    """

    def __init__(
        self,
        method: AutoTCLConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: SeriesFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or AutoTCLConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adamw", lr=3e-5, weight_decay=0.01)
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or SeriesFacts()
        config.check_length(facts.steps)
        channels = facts.channels
        self.encoder = DilatedEncoder(
            channels,
            config.hidden_dim,
            config.depth,
            config.output_dim,
            config.lengths,
            config.dropout,
        )
        trunk = DilatedEncoder(
            channels,
            config.augmenter_hidden_dim,
            config.augmenter_depth,
            config.augmenter_dim,
            config.augmenter_lengths,
            config.augmenter_dropout,
        )
        self.augmenter = Augmenter(trunk, 1 if config.shared_mask else channels, config.mask_bias)
        self.start_mean()
        self.collapse = CollapseWarning(ADVICE)

    @property
    def learns_mask(self) -> bool:
        """Whether h is trained and used: with a fixed view, or the gate open, it is not."""
        return self.method.view == "learned"

    def mask_scores(self, x: Tensor) -> Tensor:
        """Returns h, the score of each step, ``(batch, steps, channels)``."""
        return self.augmenter(x).h

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One iteration: where it is due the augmenter's update, then the encoder's."""
        batch = as_series_batch(batch)
        config, optimizers = self.method, self.optimizers()
        assert isinstance(optimizers, list)
        is_due = batches_seen(self) % config.update_ratio == 0
        if config.view in ("learned", "open") and is_due:
            self.update_augmenter(batch.x, optimizers[1])
        loss = self.update_encoder(batch, optimizers[0])
        self.count_in_mean()
        return loss

    def configure_optimizers(self) -> list[Optimizer]:
        """Returns AdamW for the encoder and AdamW at a rate of its own for the augmenter."""
        rate = replace(self.optimizer, lr=self.method.augmenter_lr)
        parts = ((self.encoder, self.optimizer), (self.augmenter, rate))
        return [build_optimizer(part.parameters(), config) for part, config in parts]

    def update_augmenter(self, x: Tensor, optimizer: Any) -> None:
        """The augmenter learns; gradient passes through the encoder, which stays as it is."""
        with frozen(self.encoder), evaluating(self.encoder):
            descend(self, self.augmenter_loss(x), optimizer)

    def augmenter_loss(self, x: Tensor) -> Tensor:
        """Simple views whose representations are distributed as the series'."""
        config = self.method
        v, factors = self.learned_view(x, AUGMENTER_VIEW)
        read = self.encoder.trunk if config.mmd_features == "trunk" else self.encoder
        with torch.no_grad():
            h_x = pool(read(x))
        if config.objective == "adversarial":
            return -info_nce(h_x, pool(read(v)), config.temperature)
        loss = mmd(h_x, pool(read(v)))
        if config.mask_weight and self.learns_mask:
            loss = loss + config.mask_weight * mask_size(factors.h)
        if config.consistency_weight and self.learns_mask:
            drawn = torch.randint(
                1, x.shape[1] - 2, (2, world_size() * len(x)), generator=self.draws(STEPS)
            )
            first, second = drawn.to(x.device)
            loss = loss + config.consistency_weight * consistency(factors.h, first, second)
        return loss

    def update_encoder(self, batch: SeriesBatch, optimizer: Any) -> Tensor:
        """The encoder learns from a view drawn anew; none of it reaches the augmenter."""
        config, x = self.method, batch.x
        with torch.no_grad():
            v = self.make_view(batch)
        keep = [self.keep(config.step_mask, x, stream) for stream in (KEEP_X, KEEP_V)]
        both = None if keep[0] is None or keep[1] is None else torch.cat([keep[0], keep[1]])
        h_x, h_v = self.encoder(torch.cat([x, v]), both).chunk(2)
        loss = info_nce(pool(h_x), pool(h_v), config.temperature)
        if config.local_weight:
            loss = loss + config.local_weight * self.local_loss(h_x)
        descend(self, loss, optimizer)
        self.diagnose(x, pool(h_x.detach()), pool(h_v.detach()))
        log_embeddings(self, loss.detach(), pool(h_x.detach()), self.collapse)
        return loss.detach()

    @torch.no_grad()
    def diagnose(self, x: Tensor, h_x: Tensor, h_v: Tensor) -> None:
        """Logs how far views are from their series, and the mask's mean score where one is learnt.

        In each iteration alike: what only the augmenter's update logged would be written again in
        those without one.
        """
        if not is_log_due(self):
            return
        self.log("diag/view_cosine", mean_cosine(h_x, h_v))
        self.log("diag/mmd", mmd(h_x, h_v))
        if self.learns_mask:
            # Without dropout: what is logged must not change what is drawn.
            with evaluating(self.augmenter):
                self.log("diag/mask_score", self.mask_scores(x).mean())

    def local_loss(self, h: Tensor) -> Tensor:
        """The contrast of neighbouring segments, of the global batch's first series or of all."""
        segments, (_, steps, _) = self.method.segments, h.shape
        start = int(torch.randint(steps % segments + 1, (), generator=self.draws(SEGMENTS)))
        if self.method.local_series == "all":
            return local_info_nce(h, segments, start)
        # Averaged gradients over processes are then those of the one series.
        share = world_size() if rank() == 0 else 0
        return share * local_info_nce(h[:1], segments, start)

    def make_view(self, batch: SeriesBatch) -> Tensor:
        """Returns the view that the encoder is shown, ``(batch, steps, channels)``."""
        config, x = self.method, batch.x
        if config.view in ("learned", "open"):
            return self.learned_view(x, ENCODER_VIEW)[0]
        if config.view == "true-mask":
            return x * batch.informative[..., None]
        if config.view == "jitter":
            noise = torch.randn(self._global(x.shape), generator=self.draws(ENCODER_VIEW))
            return x + config.jitter * self._own(noise, x)
        drawn = self.uniform(x[..., :1], ENCODER_VIEW)
        return x * (drawn >= config.masked_share)

    def learned_view(self, x: Tensor, stream: int) -> tuple[Tensor, Factors]:
        """Returns the augmenter's view of ``x`` and what it was made of."""
        config = self.method
        factors = self.augmenter(x, self.keep(config.augmenter_step_mask, x, KEEP_A + stream))
        if config.view == "open":
            return factors.g * x, factors
        score = factors.h if config.gate_input == "score" else factors.logit
        gates = gate(score, self.uniform(score, stream), config.gamma, config.gate_bias)
        return view(x, factors, harden(gates) if config.hard_gate else gates), factors

    def keep(self, mode: str, x: Tensor, stream: int) -> Tensor | None:
        """Returns the step mask of ``mode`` for this process's series."""
        found = draw_keep(mode, world_size() * len(x), x.shape[1], self.draws(stream))
        return None if found is None else self._own(found, x)

    def uniform(self, like: Tensor, stream: int) -> Tensor:
        """Returns draws of U(0, 1) in the shape of ``like``, a function of the position."""
        shape = self._global(like.shape)
        return self._own(torch.rand(shape, generator=self.draws(stream)), like)

    def _global(self, shape: torch.Size) -> tuple[int, ...]:
        return (world_size() * shape[0], *shape[1:])

    def _own(self, drawn: Tensor, like: Tensor) -> Tensor:
        """Returns this process's rows of what was drawn for the global batch."""
        own = drawn[rank() * len(like) : (rank() + 1) * len(like)]
        own = own.to(like.device, non_blocking=True)
        return own.to(like.dtype) if own.is_floating_point() else own
