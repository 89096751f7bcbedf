"""MoCo with the hard contrastive loss as a LightningModule."""

from typing import Any

from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageFacts
from common.methods.moco import MoCo
from common.training.stages import configure_stages, rate_stages
from papers.hard_contrastive.config import HardContrastiveConfig
from papers.hard_contrastive.loss import contrast_hardest, named_loss


class HardContrastive(MoCo):
    """Contrasts each query with its nearest keys of the queue (arXiv 2012.09740).

    Under several processes the queue holds the keys of all of them, and each query has its own
    nearest ones there.

    Args:
        method: Default: the paper's on CIFAR-10.
        optimizer: Default: the schema's.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    method: HardContrastiveConfig

    def __init__(
        self,
        method: HardContrastiveConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__(method or HardContrastiveConfig(), optimizer, facts, backbone)
        self.stages = rate_stages(self.optimizer, self.method.drop_epochs)

    def contrast(self, q: Tensor, k: Tensor, turn: int) -> Tensor:
        """Returns Eq. 9, or Eq. 3, over the hardest negatives of each query."""
        config = self.method
        anchor_loss = named_loss(config.loss, config.temperature)
        return contrast_hardest(q, k, self.queue, config.num_hard, anchor_loss)

    def configure_optimizers(self) -> Any:
        """SGD in the paper, at a rate that falls twice."""
        return configure_stages(self, self.stages, self.optimizer)
