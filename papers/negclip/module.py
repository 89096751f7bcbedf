"""NegCLIP as a LightningModule: `training_step` is the paper's method."""

from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.image_text.batch import as_pair_batch
from common.data.image_text.config import ImageTextFacts
from common.losses.duplicates import token_keys
from common.methods.two_tower import PairModule, log_pairs
from common.training.position import count_batch
from papers.negclip.config import NegCLIPConfig
from papers.negclip.loss import negclip_loss


class NegCLIP(PairModule):
    """CLIP with false captions and near images among the negatives (arXiv 2210.01936).

    Under several processes the negatives are those of the global batch.

    Args:
        method: Default: the published code's rates, and encoders of CLIP's size.
        optimizer: Default: the published one.
        facts: Facts of the data; default: CLIP's tokens and colour.
        backbone: A network of your own for the images, in place of ``method.backbone``.
        text_backbone: Another one for the texts, of ids and mask.
    """

    method: NegCLIPConfig

    def __init__(
        self,
        method: NegCLIPConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageTextFacts | None = None,
        backbone: nn.Module | None = None,
        text_backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = method or NegCLIPConfig()
        self.optimizer = optimizer or OptimizerConfig(
            name="adamw",
            lr=1e-6,
            weight_decay=0.2,
            beta2=0.98,
            exclude_1d=True,
            schedule="cosine",
        )
        self.build_towers(facts, backbone, text_backbone)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: the images of the batch, their captions, and the hard captions of both."""
        batch = as_pair_batch(batch, self.facts.eot)
        images = self.project_image(batch.images[:, 0])  # (rows, dim)
        captions = self.project_text(batch.ids[:, 0], batch.mask[:, 0])
        keys = self.keys(batch)
        hard = hard_keys = None
        if batch.extra_ids is not None:
            assert batch.extra_mask is not None  # both or neither
            hard = self.project_text(batch.extra_ids, batch.extra_mask)
            if keys is not None:
                hard_keys = token_keys(batch.extra_ids, batch.extra_mask)
        loss = negclip_loss(images, captions, hard, self.log_scale, keys, hard_keys)
        log_pairs(self, loss, images.detach(), captions.detach())
        count_batch(self)
        return loss.total
