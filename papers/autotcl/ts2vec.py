"""TS2Vec (Yue et al., AAAI 2022, arXiv 2106.10466), the baseline of every table of the paper."""

from typing import Any

import torch
from torch import Tensor

from common.config.schema import OptimizerConfig
from common.data.series.batches import as_series_batch
from common.data.series.config import SeriesFacts
from common.optim.build import build_optimizer
from common.optim.manual import descend
from common.training.diagnostics import CollapseWarning, log_embeddings
from papers.autotcl.averaging import AveragedEncoder
from papers.autotcl.backbone import DilatedEncoder, draw_keep
from papers.autotcl.config import TS2VecConfig, check_steps
from papers.autotcl.loss import hierarchical, pool

ADVICE = "Try a smaller optimizer.lr or a larger data.batch_size"
CROPS, KEEP_FIRST, KEEP_SECOND = range(3)


class TS2Vec(AveragedEncoder):
    """Hierarchical contrast of two overlapping crops, each with steps left out at random.

    What is evaluated is the mean of the encoder's weights from the start on. One process.

    Args:
        method: Default: the authors'.
        optimizer: Default: AdamW at 1e-3, the authors'.
        facts: Facts of the data.
    """

    def __init__(
        self,
        method: TS2VecConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: SeriesFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or TS2VecConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adamw", lr=1e-3, weight_decay=0.01)
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or SeriesFacts()
        # A set's own series may be shorter than `data.length`.
        what = f"method.temporal_from={config.temporal_from}"
        check_steps(what, facts.steps, 2 ** (config.temporal_from + 1))
        self.encoder = DilatedEncoder(
            facts.channels,
            config.hidden_dim,
            config.depth,
            config.output_dim,
            (),
            config.dropout,
        )
        self.start_mean()
        self.collapse = CollapseWarning(ADVICE)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: both crops of each series, compared where they overlap."""
        batch = as_series_batch(batch)
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
        descend(self, loss, self.optimizers())
        log_embeddings(self, loss.detach(), pool(z1.detach()), self.collapse)
        self.count_in_mean()
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
        generator = self.draws(CROPS)

        def draw(low: int, high: int, *shape: int) -> Tensor:
            return torch.randint(low, high, shape, generator=generator)

        overlap = int(draw(2 ** (self.method.temporal_from + 1), steps + 1))
        a2 = int(draw(0, steps - overlap + 1))
        b1 = a2 + overlap
        a1, b2 = int(draw(0, a2 + 1)), int(draw(b1, steps + 1))
        shift = draw(-a1, steps - b2 + 1, batch)
        return (shift + a1, b1 - a1), (shift + a2, b2 - a2), overlap

    def _keep(self, x: Tensor, stream: int) -> Tensor | None:
        keep = draw_keep(self.method.step_mask, len(x), x.shape[1], self.draws(stream))
        return None if keep is None else keep.to(x.device)


def take(x: Tensor, starts: Tensor, length: int) -> Tensor:
    """Returns ``(batch, length, channels)``: a stretch of each series from its own start on."""
    steps = starts[:, None] + torch.arange(length)
    return x[torch.arange(len(x))[:, None], steps]
