"""FT as a LightningModule: MoCo on transformed features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageFacts
from common.distributed.collectives import rank, world_size
from common.distributed.draws import draw_beta, keyed_generator
from common.losses.precision import unit
from common.methods.moco import MoCo
from common.training.diagnostics import is_log_due
from common.training.position import batches_seen, epoch_reached
from papers.feature_transformation.config import FeatureTransformationConfig
from papers.feature_transformation.loss import (
    product_contrast,
    score_statistics,
    transform_negatives,
    transform_positives,
)

# Streams of their own for the coefficients of positives and of negatives.
POSITIVE_STREAM, NEGATIVE_STREAM = 2**49, 2**50


class FeatureTransformation(MoCo):
    """Harder positives and fresh negatives from MoCo's own features (arXiv 2108.02982).

    Under several processes the coefficients are drawn for the global batch, and the permutation is
    the same in all, so that nothing depends on the number of processes.

    Args:
        method: Default: the official command's.
        optimizer: Default: the schema's.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    method: FeatureTransformationConfig

    def __init__(
        self,
        method: FeatureTransformationConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__(method or FeatureTransformationConfig(), optimizer, facts, backbone)

    def contrast(self, q: Tensor, k: Tensor, turn: int) -> Tensor:
        """Returns the loss of transformed features, or MoCo's own before ``from_epoch``."""
        if not epoch_reached(self, self.method.from_epoch):
            return super().contrast(q, k, turn)
        config = self.method
        with torch.autocast(q.device.type, enabled=False):
            q = unit(q)
            k, queue = k.to(q.dtype), self.queue.to(q.dtype)
            if config.positives != "none":
                q, k = transform_positives(q, k, self.draw_lam(q, turn))
            if config.normalise_positives:
                q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)
            if config.negatives != "none":
                queue = transform_negatives(queue, *self.draw_mu(queue, turn))
            if turn == 0 and is_log_due(self):
                self.log_scores(q.detach(), k.detach(), queue)
            return product_contrast(q, k, queue, config.temperature)

    def draw_lam(self, q: Tensor, turn: int) -> Tensor:
        """Returns this process's coefficients of the positives, ``()`` or ``(batch, 1 or dim)``."""
        config, rows = self.method, len(q)
        generator = keyed_generator(POSITIVE_STREAM, batches_seen(self), turn)
        drawn = self.draw(config.positive_beta, rows * world_size(), generator).to(q)
        if drawn.ndim:
            drawn = drawn[rank() * rows : (rank() + 1) * rows]
        return (
            drawn if config.positives == "interpolated" else 1 + config.extrapolation_scale * drawn
        )

    def draw_mu(self, queue: Tensor, turn: int) -> tuple[Tensor, Tensor]:
        """Returns the coefficients of the negatives and the permutation, ``(length,)``."""
        generator = keyed_generator(NEGATIVE_STREAM, batches_seen(self), turn)
        order = torch.randperm(len(queue), generator=generator).to(queue.device)
        return self.draw(self.method.negative_beta, len(queue), generator).to(queue), order

    def draw(self, beta: float, rows: int, generator: torch.Generator) -> Tensor:
        """Returns Beta(beta, beta) of the recipe's granularity, ``()`` or ``(rows, 1 or dim)``."""
        shapes = {"batch": (), "row": (rows, 1), "dimension": (rows, self.method.output_dim)}
        return draw_beta(beta, beta, shapes[self.method.granularity], generator)

    @torch.no_grad()
    def log_scores(self, q: Tensor, k: Tensor, queue: Tensor) -> None:
        """Logs the scores that the paper watches: the positive's, and of negatives both moments."""
        scores = score_statistics((q * k).sum(1), q @ queue.T, self.method.temperature).mean(0)
        for place, name in enumerate(("negative_mean", "negative_var", "positive")):
            self.log(f"scores/{name}", scores[place], sync_dist=True)
