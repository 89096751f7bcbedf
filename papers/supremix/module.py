"""SupReMix as a LightningModule: `training_step` is the method's algorithm box."""

import torch
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.targets.regression.config import RegressionFacts
from common.data.targets.regression.views import as_regression_batch
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import world_size
from common.distributed.draws import draw_beta, keyed_generator
from common.errors import ConfigError
from common.losses.precision import unit
from common.losses.spread import effective_rank
from common.training.diagnostics import CollapseWarning, embedding_std, is_log_due
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.supremix.config import SupReMixConfig
from papers.supremix.encoder import (
    build_backbone,
    compared_labels,
    compared_window,
    projection_head,
)
from papers.supremix.loss import own_columns, pair_similarities, supremix

ADVICE = "Try a higher method.temperature, a lower optimizer.lr or a larger data.batch_size"


class SupReMix(PaperModule):
    """Contrast of labels that are numbers, with mixtures of embeddings (arXiv 2309.16633).

    The first stage; the second is a protocol: ``regression-probe`` or ``regression-finetune``.
    Under several processes the contrast and its mixtures are over the global batch.

    Args:
        method: Default: the published code's, for faces.
        optimizer: Default: the schema's. The published code: Adam.
        facts: Facts of the data; default: colour images.
        backbone: A network of your own in place of ``method.backbone``.
    """

    draw_seed: Tensor

    def __init__(
        self,
        method: SupReMixConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: RegressionFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SupReMixConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or RegressionFacts()
        check_labels(config, facts)
        self.backbone = build_backbone(config, facts, backbone)
        self.head = projection_head(self.backbone.num_features, config)  # type: ignore[arg-type]
        if config.sync_batch_norm:
            convert_batch_norm(self)
        # The mixtures' draws are a function of it and the position, on every process alike.
        self.register_buffer("draw_seed", torch.randint(2**40, ()))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, inputs: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(inputs)

    def project(self, inputs: Tensor) -> Tensor:
        """Returns unit embeddings, ``(batch, dim)``: where the loss acts."""
        return unit(self.head(self.embed(inputs)))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: views together through the network, then the contrast with mixtures."""
        batch = as_regression_batch(batch)
        config, (views, size) = self.method, batch.inputs.shape[:2]
        z = self.project(batch.inputs.flatten(0, 1)).unflatten(0, (views, size))
        labels = compared_labels(batch.targets, config.label_step)
        loss = supremix(
            z,
            labels,
            config.temperature,
            window=compared_window(config.window, config.label_step) if config.mix_pos else None,
            alpha=self.draw_shares(views, size).to(z) if config.mix_neg else None,
            weights=None if config.weights == "none" else config.weights,
        )
        self.diagnose(loss.detach(), z.detach(), labels)
        count_batch(self)
        return loss

    def draw_shares(self, views: int, batch: int) -> Tensor:
        """Returns the anchors' shares in Mix-neg, ``(views * batch, views * global batch)``.

        Drawn for the whole global batch, of which this process takes its anchors' rows.
        """
        count = views * batch * world_size()
        generator = keyed_generator(int(self.draw_seed), batches_seen(self))
        first, second = self.method.beta
        return draw_beta(first, second, (count, count), generator)[own_columns(views, batch)]

    @torch.no_grad()
    def diagnose(self, loss: Tensor, z: Tensor, labels: Tensor) -> None:
        """Logs the loss and, where metrics are written, what pairs and embeddings look like."""
        if not is_log_due(self):
            return
        self.log("train/loss", loss, sync_dist=True)
        near, far = pair_similarities(z, labels, self.method.temperature)
        std = embedding_std(z.flatten(0, 1))
        self.log("diag/positive_similarity", near)
        self.log("diag/negative_similarity", far)
        self.log("diag/embedding_std", std)
        self.log("diag/effective_rank", effective_rank(z[0]))
        flat = float(std) < 0.01 * z.shape[-1] ** -0.5
        self.collapse.check({"embeddings do not differ": flat}, batches_seen(self) + 1)


def check_labels(config: SupReMixConfig, facts: RegressionFacts) -> None:
    """Raises `ConfigError` for a window wider than the labels of any batch, or one label left."""
    low, high = facts.target_range
    ends = torch.tensor([low, high], device="cpu")
    first, last = compared_labels(ends, config.label_step).tolist()
    if first == last:
        raise ConfigError(
            f"method.label_step={config.label_step:g}: all training labels, {low:g} to "
            f"{high:g}, round to one multiple; lower it"
        )
    if config.mix_pos and config.window >= facts.batch_range:
        raise ConfigError(
            f"method.window={config.window:g}: labels of a batch are at most "
            f"{facts.batch_range:g} apart; lower it, or set method.mix_pos=false"
        )
