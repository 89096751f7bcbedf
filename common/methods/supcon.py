"""SupCon (arXiv 2004.11362): all samples of a class attract each other, the others repel."""

import torch
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.errors import DataError
from common.losses.pairs import check_batch_labels, draw_partners
from common.losses.precision import unit
from common.losses.supcon import supcon
from common.methods.config import SupConConfig, check_labelled
from common.methods.heads import mlp, pass_views
from common.training.diagnostics import CollapseWarning, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch

ADVICE = "Try a higher method.temperature, a lower optimizer.lr or a larger data.batch_size"


class SupCon(PaperModule):
    """Supervised contrastive learning; positives and negatives are of the global batch.

    Args:
        method: Default: the paper's ImageNet values.
        optimizer: Default: the schema's. The paper: SGD or LARS.
        facts: Facts of the images; default: 10 classes in colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    pair_seed: Tensor

    def __init__(
        self,
        method: SupConConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SupConConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or ImageFacts()
        if facts.num_classes < 2:
            raise DataError("baseline supcon: the training images have no two classes to tell")
        check_labelled("baseline supcon", facts)
        self.num_classes = facts.num_classes
        self.backbone = build_image_backbone(config, facts, backbone)
        hidden = [config.hidden_dim] * (config.projector_layers - 1)
        dims = [self.backbone.num_features, *hidden, config.output_dim]
        self.projector = mlp(dims, config.head_batch_norm, config.output_batch_norm, bias=True)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        # With the position, the seed of the drawn pairs.
        self.register_buffer("pair_seed", torch.tensor(torch.initial_seed() % 2**62))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, images: Tensor) -> Tensor:
        """Returns what is contrasted, ``(batch, output_dim)``, of any norm."""
        return self.projector(self.embed(images))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: positives are of the anchor's or its pair's class.

        Raises:
            DataError: An image without a label.
        """
        batch = as_view_batch(batch)
        position = batches_seen(self)
        check_batch_labels(batch.labels, position)
        z = unit(pass_views(self.project, batch.views, self.method.views_together))
        partners = draw_partners(
            batch.labels, self.method.pairs, self.num_classes, self.pair_seed, position
        )
        loss = supcon(z, batch.labels, self.method.temperature, partners)
        log_embeddings(self, loss, z[0].detach(), self.collapse)
        count_batch(self)
        return loss
