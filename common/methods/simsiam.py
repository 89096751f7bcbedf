"""SimSiam (arXiv 2011.10566): one view predicts the other, and no gradient reaches the target."""

from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.losses.consistency import simsiam
from common.methods.config import SimSiamConfig
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch

ADVICE = "Try a lower optimizer.lr or a weight decay"


class SimSiam(PaperModule):
    """Simple siamese representation learning.

    Args:
        method: Default: the paper's ImageNet values.
        optimizer: Default: the schema's. The paper: SGD; the predictor's rate, constant there on
            ImageNet, decays here.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    def __init__(
        self,
        method: SimSiamConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SimSiamConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone = build_image_backbone(config, facts, backbone)
        hidden = [config.hidden_dim] * (config.projector_layers - 1)
        dims = [self.backbone.num_features, *hidden, config.output_dim]
        self.projector = mlp(dims, last_norm=True, last_affine=config.output_affine)
        self.predictor = mlp([config.output_dim, config.predictor_dim, config.output_dim])
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, images: Tensor) -> Tensor:
        """Returns what is predicted, ``(batch, output_dim)``, of any norm."""
        return self.projector(self.embed(images))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the paper's Algorithm 1; each view passes the network alone."""
        batch = as_view_batch(batch, 2)
        z1, z2 = (self.project(view) for view in batch.views)  # (batch, dim)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        loss = simsiam(p1, z1, p2, z2)
        log_embeddings(self, loss, z1.detach(), self.collapse)
        count_batch(self)
        return loss
