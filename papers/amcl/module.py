"""AMCL as a LightningModule: `training_step` is the same for each of the four bases."""

from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from papers.amcl.bases import BASES, Encoded, projection_heads
from papers.amcl.config import AMCLConfig
from papers.amcl.loss import Result, Rule
from papers.amcl.temperature import NoNetwork, TemperatureNetwork

ADVICE = (
    "Look at diag/tau_positive_*: a constant or large temperature under optimizer.clip_norm moves "
    "little. Try method.negatives=log-sum-exp with method.temperature_min=0.05"
)
# Of the temperatures of each head's positives and nearest negatives.
QUANTILES = (0.05, 0.5, 0.95)
TERMS = ("pull", "push", "positive_omega", "negative_omega")


class AMCL(PaperModule):
    """Several heads, and a temperature for each pair and head (arXiv 2310.05615).

    Under several processes negatives and channel statistics are those of the global batch.

    Args:
        method: Default: generation 2 on SimCLR.
        optimizer: Default: the schema's. Generation 2: SGD, which decays phi and biases too.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    def __init__(
        self,
        method: AMCLConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or AMCLConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone = build_image_backbone(config, facts, backbone)
        self.heads = projection_heads(self.backbone.num_features, config)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.base = BASES[config.base](config, self.backbone, self.heads)
        if config.sync_batch_norm:
            convert_batch_norm(self.base)  # SimSiam's predictors
        self.phi = build_phi(config)
        self.rule = build_rule(config)
        # The same in all processes: DDP would send it from the first one at every step.
        self._ddp_params_and_buffers_to_ignore = ["base.queue"]
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def project(self, images: Tensor) -> Tensor:
        """Returns what the heads make of it, ``(batch, heads, output_dim)``, of any norm."""
        return self.heads(self.embed(images))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """Table 2: each head pulls and pushes the base's pairs, each pair at its temperature."""
        batch = as_view_batch(batch, 2)
        encoded = self.base.encode(self.project, batch.views)  # each (batch, heads, dim)
        result = self.base.loss(encoded, self.phi, self.rule)
        self.base.remember(encoded)
        self.diagnose(encoded, result)
        count_batch(self)
        return result.loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Takes the step; then MoCo's key encoder follows, after updates and not mere batches."""
        super().optimizer_step(*args, **kwargs)
        self.on_update()

    def on_update(self) -> None:
        """Lets the base follow the new weights."""
        self.base.on_update(self.backbone, self.heads)

    @torch.no_grad()
    def diagnose(self, encoded: Encoded, result: Result) -> None:
        """Logs, where metrics are written, terms, temperatures and the signs of a collapse."""
        if not is_log_due(self):
            return
        log_embeddings(self, result.loss, encoded[0][:, 0], self.collapse)
        for name, value in zip(TERMS, result.terms.mean((1, 2)).sum(0), strict=True):
            self.log(f"train/{name}", value, sync_dist=True)
        shares = torch.tensor(QUANTILES, device=self.device)
        for head, kinds in enumerate(result.taus.float()):
            for kind, taus in zip(("positive", "negative"), kinds, strict=False):
                for share, value in zip(QUANTILES, taus.quantile(shares), strict=True):
                    self.log(f"diag/tau_{kind}_head{head}_q{100 * share:02.0f}", value)


def build_phi(config: AMCLConfig) -> nn.Module:
    """Returns the temperature network, or what stands for it at a constant temperature."""
    if config.temperature == "constant":
        return NoNetwork()
    dim = config.channel_batch if config.base == "barlow-twins" else config.output_dim
    return TemperatureNetwork(
        dim, config.temperature_hidden_dim, config.temperature_init_scale, config.normalise_scores
    )


def build_rule(config: AMCLConfig) -> Rule:
    """Returns the form of the loss that the recipe asks for."""
    low, high = config.temperature_min, config.temperature_max
    if config.temperature == "constant":
        low = high = config.constant_temperature
    return Rule(
        low=low,
        high=high,
        beta=config.beta,
        top_k=config.top_k,
        log_sum_exp=config.negatives == "log-sum-exp",
        negative_dim=2 if config.negative_omega == "generation-2" else None,
        with_positive=config.positive_among_negatives,
        off_diagonal_weight=config.off_diagonal_weight,
    )
