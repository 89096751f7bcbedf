"""SIRL as a LightningModule: `training_step` is the paper's method."""

import torch
from torch import Tensor, nn

from common.backbones.build import as_encoder, own_backbone
from common.config.schema import OptimizerConfig
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from papers.sirl.batch import as_query_batch
from papers.sirl.config import EncoderConfig, SIRLConfig
from papers.sirl.data_config import TrajectoryFacts
from papers.sirl.loss import triplet_terms

ADVICE = "Try a lower optimizer.lr, or data.standardise=true"


class SIRL(PaperModule):
    """Similarity-based implicit representation learning (arXiv 2301.00810).

    The second stage, a reward on the frozen embedding, is the protocol ``preferences``.

    Args:
        method: Default: the published encoder of JacoRobot.
        optimizer: Default: Adam at the rate of the re-implementation that the recipe is from, where
            it falls by 1e-5 of itself a step.
        facts: Facts of the data; default: JacoRobot's.
        backbone: A network of your own in place of the encoder; it makes the embedding.
    """

    def __init__(
        self,
        method: SIRLConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TrajectoryFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SIRLConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adam", lr=4e-3)
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        columns = (facts or TrajectoryFacts()).num_columns
        if backbone is None:
            self.backbone = build_encoder(config, columns, config.output_dim)
        else:
            self.backbone = own_backbone(backbone, torch.zeros(2, columns))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, rows: Tensor) -> Tensor:
        """Returns the embedding, of any norm, ``(batch, output_dim)``."""
        return self.backbone(rows)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: the three trajectories of each query pass the encoder together."""
        config, batch = self.method, as_query_batch(batch)
        z = self.embed(torch.cat([batch.first, batch.second, batch.odd]))
        first, second, odd = z.chunk(3)
        terms = triplet_terms(first, second, odd, config.margin, config.distance, config.symmetric)
        loss = terms.sum(0).mean()
        self.diagnose(loss, z.detach(), terms)
        count_batch(self)
        return loss

    def diagnose(self, loss: Tensor, z: Tensor, terms: Tensor) -> None:
        """Logs the loss, the spread, and the share of terms that still pull, where due."""
        log_embeddings(self, loss, z, self.collapse)
        if is_log_due(self):
            self.log("diag/active", (terms > 0).float().mean())


def build_encoder(config: EncoderConfig, num_columns: int, num_outputs: int) -> nn.Sequential:
    """Returns linear layers with ReLU between them, from rows to ``num_outputs`` numbers."""
    layers = mlp([num_columns, *config.hidden_dims, num_outputs], batch_norm=False, bias=True)
    found: nn.Sequential = as_encoder(layers)
    return found
