"""SepCLR as a LightningModule: `training_step` is the paper's method."""

import torch
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather, gather_with_grad
from common.errors import ConfigError
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from papers.sepclr.config import SepCLRConfig
from papers.sepclr.loss import Parts, step_losses

ADVICE = "Try a lower optimizer.lr or a larger data.batch_size"


class SepCLR(PaperModule):
    """Common and salient codes of a background and a target set (arXiv 2402.11928).

    Args:
        method: Default: the published script's of the overlay set.
        optimizer: Default: the same: Adam at a constant rate.
        facts: Facts of the images; default: colour, 32 x 32.
        backbone: A network of your own for the common code, in place of ``method.backbone``.
        salient_backbone: Another one for the salient code.
    """

    def __init__(
        self,
        method: SepCLRConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
        salient_backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SepCLRConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adam", lr=3e-4)
        own = {"backbone": backbone, "salient_backbone": salient_backbone}
        self.keep_settings(self.method, self.optimizer, facts, **own)
        if len({id(network) for network in own.values() if network is not None}) == 1:
            raise ConfigError("backbone, salient_backbone: each code needs a network of its own")
        self.backbone = build_image_backbone(config, facts, backbone)
        self.salient_backbone = build_image_backbone(config, facts, salient_backbone)
        dims = config.common_dim, config.salient_dim
        self.code = nn.Linear(self.backbone.num_features, dims[0])
        self.salient_code = nn.Linear(self.salient_backbone.num_features, dims[1])
        self.projector, self.salient_projector = (
            mlp([dim, config.hidden_dim, dim], bias=True) for dim in dims
        )
        if config.sync_batch_norm:
            convert_batch_norm(self)
        # Columns of the embedding, for protocols.
        self.parts = {"common": slice(dims[0]), "salient": slice(dims[0], sum(dims))}
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns both codes side by side, ``(batch, common_dim + salient_dim)``."""
        return torch.cat(self.codes(images), 1)

    def codes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the common and the salient code, ``(batch, dim)`` each, before the projectors."""
        common = self.code(self.backbone(images))
        return common, self.salient_code(self.salient_backbone(images))

    def project(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what the losses compare, of any norm: ``(batch, dim)`` each."""
        common, salient = self.codes(images)
        return self.projector(common), self.salient_projector(salient)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step; the losses compare the images of the batches of all processes."""
        config, batch = self.method, as_view_batch(batch, 2)
        # One view after the other, so that batch norm takes the statistics of each by itself.
        common, salient = zip(*(self.project(view) for view in batch.views), strict=True)
        is_target = gather(batch.labels) >= config.target_from
        parts = step_losses(_everyone(common), _everyone(salient), is_target, config.temperature)
        loss = parts.total(config.salient_weight, config.null_weight, config.joint_weight)
        self.diagnose(loss, torch.cat(common).detach(), parts)
        count_batch(self)
        return loss

    def diagnose(self, loss: Tensor, common: Tensor, parts: Parts) -> None:
        """Logs the loss with its parts, and the common code's spread, where metrics are written."""
        log_embeddings(self, loss, common, self.collapse)
        if is_log_due(self):
            for name, value in parts._asdict().items():
                self.log(f"train/{name}", value.detach())


def _everyone(views: tuple[Tensor, ...]) -> Tensor:
    """Returns the views of all processes, ``(2, global batch, dim)``, of ``(batch, dim)`` each."""
    return torch.stack([gather_with_grad(view) for view in views])
