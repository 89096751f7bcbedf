"""The supervised reference: the same backbone and views, trained on the labels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.errors import DataError
from common.losses.precision import upcast
from common.methods.config import SupervisedConfig, check_labelled
from common.training.diagnostics import is_log_due
from common.training.paper_module import PaperModule
from common.training.position import count_batch


class Supervised(PaperModule):
    """A linear classifier on the backbone, trained with it by cross-entropy.

    The loss is the mean over this process's views: averaged gradients are those of the global
    batch.

    Args:
        method: Default: ResNet-50.
        optimizer: Default: the schema's.
        facts: Facts of the images; default: 10 classes in colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    def __init__(
        self,
        method: SupervisedConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SupervisedConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or ImageFacts()
        if facts.num_classes < 2:
            raise DataError("baseline supervised: the training images have no labels to learn")
        check_labelled("baseline supervised", facts)
        self.backbone = build_image_backbone(config, facts, backbone)
        self.classifier = nn.Linear(self.backbone.num_features, facts.num_classes)
        if config.sync_batch_norm:
            convert_batch_norm(self)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """Classifies every view of every image."""
        batch = as_view_batch(batch)
        logits = [upcast(self.classifier(self.embed(view))) for view in batch.views]
        smoothing = self.method.label_smoothing
        losses = [
            F.cross_entropy(given, batch.labels, label_smoothing=smoothing) for given in logits
        ]
        loss = torch.stack(losses).mean()
        if is_log_due(self):
            right = torch.stack([(given.argmax(1) == batch.labels).float() for given in logits])
            self.log("train/loss", loss.detach(), sync_dist=True)
            self.log("train/top1", 100 * right.mean(), sync_dist=True)
        count_batch(self)
        return loss
