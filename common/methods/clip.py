"""CLIP (arXiv 2103.00020): an image and its text attract, the other ones of the batch repel."""

from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.image_text.batch import as_pair_batch
from common.data.image_text.config import ImageTextFacts
from common.losses.clip import clip_loss
from common.methods.config import CLIPConfig
from common.methods.two_tower import PairModule, log_pairs
from common.training.position import count_batch


class CLIP(PairModule):
    """Contrastive language-image pre-training; negatives are those of the global batch.

    Args:
        method: Default: ResNet-50 and the paper's encoder of texts.
        optimizer: Default: the schema's.
        facts: Facts of the data; default: CLIP's tokens and colour.
        backbone: A network of your own for the images, in place of ``method.backbone``.
        text_backbone: Another one for the texts, of ids and mask.
    """

    method: CLIPConfig

    def __init__(
        self,
        method: CLIPConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageTextFacts | None = None,
        backbone: nn.Module | None = None,
        text_backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = method or CLIPConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.build_towers(facts, backbone, text_backbone)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the paper's figure 3."""
        batch, config = as_pair_batch(batch, self.facts.eot), self.method
        u = self.project_image(batch.images[:, 0])  # (batch, dim)
        v = self.project_text(batch.ids[:, 0], batch.mask[:, 0])
        loss = clip_loss(
            u,
            v,
            self.log_scale,
            smoothing=config.label_smoothing,
            image_weight=config.image_weight,
            keys=self.keys(batch),
        )
        log_pairs(self, loss, u.detach(), v.detach())
        count_batch(self)
        return loss.total
