"""TS2Vec (Yue et al., AAAI 2022, arXiv 2106.10466), the baseline of every table of the paper."""

from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from common.backbones.dilated_conv import DilatedEncoder
from common.checkpoints.position import batches_seen, count_batch
from common.config import OptimizerConfig
from common.data.sampler import keyed_generator
from common.data.series.batches import SeriesBatch
from common.data.series.config import SeriesFacts
from common.diagnostics import CollapseWarning, log_embeddings
from common.mirror import Mirror
from common.optim.build import build_optimizer
from common.optim.ema import momentum_copy
from papers.autotcl.averaging import update_mean
from papers.autotcl.config import TS2VecConfig
from papers.autotcl.loss import hierarchical, pool
from papers.autotcl.masks import draw_keep

ADVICE = "Try a smaller optimizer.lr or a larger data.batch_size"
CROPS, KEEP_FIRST, KEEP_SECOND = range(3)
_SEEDS: Mirror[int] = Mirror(int)


class TS2Vec(LightningModule):
    """Hierarchical contrast of two overlapping crops, each with steps left out at random.

    What is evaluated is the mean of the encoder's weights from the start on. One process.

    Args:
        method: Default: the authors'.
        optimizer: Default: AdamW at 1e-3, the authors'.
        facts: Of the data.
    """

    batches_seen: Tensor
    draw_seed: Tensor

    def __init__(
        self,
        method: TS2VecConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: SeriesFacts | None = None,
    ) -> None:
        super().__init__()
        # The mean follows each update, before anybody may write a checkpoint.
        self.automatic_optimization = False
        self.method = config = method or TS2VecConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adamw", lr=1e-3, weight_decay=0.01)
        self.encoder = DilatedEncoder(
            (facts or SeriesFacts()).channels,
            config.hidden_dim,
            config.depth,
            config.output_dim,
            (),
            config.dropout,
        )
        self.average = momentum_copy(self.encoder)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("draw_seed", torch.randint(2**40, ()))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, x: Tensor) -> Tensor:
        """Returns the representation of each step, ``(batch, steps, dim)``."""
        return self.average(x)

    def embed_last(self, x: Tensor) -> Tensor:
        """Returns the last step's representation, ``(batch, dim)``."""
        return self.average.last(x)

    @property
    def backbone(self) -> DilatedEncoder:
        """The encoder that is evaluated."""
        return self.average

    def training_step(self, batch: SeriesBatch, batch_idx: int) -> Tensor:
        """One step: both crops of each series, compared where they overlap."""
        config, x = self.method, batch.x
        first, second, overlap = self.draw_crops(len(x), x.shape[1])
        crops = [take(x, *first), take(x, *second)]
        z = [
            self.encoder(crop, self._keep(crop, stream))
            for crop, stream in zip(crops, (KEEP_FIRST, KEEP_SECOND), strict=True)
        ]
        # The first crop ends where the overlap does, the second begins with it.
        z1, z2 = z[0][:, -overlap:], z[1][:, :overlap]
        loss = hierarchical(z1, z2, config.alpha, config.temporal_from)
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        log_embeddings(self, loss.detach(), pool(z1.detach()), self.collapse)
        # The initial weights are the first of the mean.
        update_mean(self.average, self.encoder, batches_seen(self) + 1)
        count_batch(self)
        return loss.detach()

    def configure_optimizers(self) -> Any:
        """AdamW at a constant rate."""
        return build_optimizer(self.encoder.parameters(), self.optimizer)

    def draw_crops(
        self, batch: int, steps: int
    ) -> tuple[tuple[Tensor, int], tuple[Tensor, int], int]:
        """Returns (starts, length) of both crops and the length of their overlap (section 3.2).

        With a1 <= a2 < b1 <= b2 the crops are [a1, b1) and [a2, b2), shifted by a place of its own
        for each series.
        """
        generator = keyed_generator(_SEEDS.get(self.draw_seed), batches_seen(self), CROPS)

        def draw(low: int, high: int, *shape: int) -> Tensor:
            return torch.randint(low, high, shape, generator=generator)

        overlap = int(draw(2 ** (self.method.temporal_from + 1), steps + 1))
        a2 = int(draw(0, steps - overlap + 1))
        b1 = a2 + overlap
        a1, b2 = int(draw(0, a2 + 1)), int(draw(b1, steps + 1))
        shift = draw(-a1, steps - b2 + 1, batch)
        return (shift + a1, b1 - a1), (shift + a2, b2 - a2), overlap

    def _keep(self, x: Tensor, stream: int) -> Tensor | None:
        generator = keyed_generator(_SEEDS.get(self.draw_seed), batches_seen(self), stream)
        keep = draw_keep(self.method.step_mask, len(x), x.shape[1], generator)
        return None if keep is None else keep.to(x.device)


def take(x: Tensor, starts: Tensor, length: int) -> Tensor:
    """Returns ``(batch, length, channels)``: a stretch of each series from its own start on."""
    steps = starts[:, None] + torch.arange(length)
    return x[torch.arange(len(x))[:, None], steps]
