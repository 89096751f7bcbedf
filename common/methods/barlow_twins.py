"""Barlow Twins (arXiv 2103.03230): views agree, and no feature repeats another."""

from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.losses.barlow import UNBIASED_EPS, barlow_twins
from common.methods.config import BarlowTwinsConfig
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch

ADVICE = "Try a lower optimizer.lr, or a larger method.off_diagonal_weight"


class BarlowTwins(PaperModule):
    """Self-supervised learning by redundancy reduction, over the global batch.

    Unlike in the authors' code, no residual block starts as the identity, crops are resized
    bilinearly, and an incomplete last batch is left out.

    Args:
        method: Default: the paper's ImageNet values.
        optimizer: Default: the schema's. The paper: LARS, without decay of biases and norms.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    def __init__(
        self,
        method: BarlowTwinsConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or BarlowTwinsConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone = build_image_backbone(config, facts, backbone)
        hidden = [config.hidden_dim] * (config.projector_layers - 1)
        dims = [self.backbone.num_features, *hidden, config.output_dim]
        self.projector = mlp(dims, last_norm=config.output_batch_norm, last_affine=True)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, images: Tensor) -> Tensor:
        """Returns what is correlated, ``(batch, output_dim)``, of any norm."""
        return self.projector(self.embed(images))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the paper's Algorithm 1; each view passes the network alone."""
        batch = as_view_batch(batch, 2)
        z1, z2 = (self.project(view) for view in batch.views)  # (batch, dim)
        unbiased = UNBIASED_EPS if self.method.unbiased_deviation else None
        loss = barlow_twins(z1, z2, self.method.off_diagonal_weight, unbiased)
        log_embeddings(self, loss, z1.detach(), self.collapse)
        count_batch(self)
        return loss
