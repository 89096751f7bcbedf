"""SimCLR (arXiv 2002.05709): two views of an image attract, all other images repel."""

from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.losses.infonce import nt_xent
from common.methods.config import SimCLRConfig
from common.methods.heads import mlp, pass_views
from common.training.diagnostics import CollapseWarning, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch

ADVICE = "Try a higher method.temperature, a lower optimizer.lr or a larger data.batch_size"


class SimCLR(PaperModule):
    """A simple framework for contrastive learning; negatives are those of the global batch.

    Args:
        method: Default: the paper's ImageNet values.
        optimizer: Default: the schema's. The paper: LARS, without decay of biases and norms.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    def __init__(
        self,
        method: SimCLRConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SimCLRConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone = build_image_backbone(config, facts, backbone)
        dims = [self.backbone.num_features, config.hidden_dim, config.output_dim]
        self.projector = mlp(dims, config.head_batch_norm, config.output_batch_norm, bias=True)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, images: Tensor) -> Tensor:
        """Returns what is contrasted, ``(batch, output_dim)``, of any norm."""
        return self.projector(self.embed(images))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the paper's Algorithm 1."""
        batch = as_view_batch(batch, 2)
        z1, z2 = pass_views(self.project, batch.views, self.method.views_together)  # (batch, dim)
        loss = nt_xent(z1, z2, self.method.temperature)
        log_embeddings(self, loss, z1.detach(), self.collapse)
        count_batch(self)
        return loss
