"""What SupReMix is set beside: end-to-end regression, C-Mixup and Rank-N-Contrast."""

import torch
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.targets.regression.config import RegressionFacts
from common.data.targets.regression.views import as_regression_batch
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather, gather_with_grad
from common.distributed.draws import draw_beta, keyed_generator
from common.losses.precision import upcast
from common.training.diagnostics import is_log_due
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.supremix.config import RankNContrastConfig, RegressorConfig
from papers.supremix.encoder import build_backbone
from papers.supremix.loss import own_columns


class Regressor(PaperModule):
    """Backbone and linear output, trained together on the labels; each view is a sample.

    With ``mixup`` it is C-Mixup: partners and the share are drawn for the whole global batch. The
    loss is the mean over this process's samples: averaged gradients are those of the global batch.

    Args:
        method: Default: L1 on a ResNet-50.
        optimizer: Default: the schema's.
        facts: Facts of the data; default: colour images.
        backbone: A network of your own in place of ``method.backbone``.
    """

    draw_seed: Tensor

    def __init__(
        self,
        method: RegressorConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: RegressionFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or RegressorConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or RegressionFacts()
        self.mean, self.std = facts.target_mean, facts.target_std
        self.backbone = build_backbone(config, facts, backbone)
        self.output = nn.Linear(self.backbone.num_features, 1)  # type: ignore[arg-type]
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.register_buffer("draw_seed", torch.randint(2**40, ()))

    def embed(self, inputs: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(inputs)

    def predict(self, inputs: Tensor) -> Tensor:
        """Returns numbers in label units, ``(batch,)``."""
        return self.output(self.embed(inputs))[:, 0] * self.std + self.mean

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step on all views, mixed or as they are."""
        batch = as_regression_batch(batch)
        views, size = batch.inputs.shape[:2]
        x, y = batch.inputs.flatten(0, 1), batch.targets.repeat(views)
        if self.method.mixup:
            x, y = self.mixed(x, y, own_columns(views, size, x.device))
        error = (self.predict(x) - y) / self.std
        loss = error.abs().mean() if self.method.loss == "l1" else error.square().mean()
        if is_log_due(self):
            self.log("train/loss", loss.detach(), sync_dist=True)
        count_batch(self)
        return loss

    def mixed(self, x: Tensor, y: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Returns each sample mixed with a partner whose label is near (C-Mixup, section 3).

        Args:
            x: This process's samples.
            y: Their labels.
            own: Their places in the global batch.
        """
        generator = keyed_generator(int(self.draw_seed), batches_seen(self))
        everyone, labels = _by_view(x, own), _by_view(y, own)
        gap = (labels[:, None] - labels) / (self.method.bandwidth * self.std)
        odds = (-gap.square() / 2).exp().fill_diagonal_(0).cpu().double()
        # A label far from all others has no partner at all but itself.
        odds.diagonal().add_(odds.sum(1) == 0)
        partner = torch.multinomial(odds, 1, generator=generator)[:, 0].to(x.device)[own]
        beta = self.method.mixup_beta
        share = float(draw_beta(beta, beta, (1,), generator))
        return (
            share * x + (1 - share) * everyone[partner],
            share * y + (1 - share) * labels[partner],
        )


def _by_view(samples: Tensor, own: Tensor) -> Tensor:
    """Returns the samples of all processes, each at its place in the global batch."""
    everyone, places = gather(samples), gather(own)
    return torch.empty_like(everyone).index_put_((places,), everyone)


class RankNContrast(PaperModule):
    """Pre-training by Rank-N-Contrast (Zha et al., NeurIPS 2023), on the features themselves.

    Args:
        method: Default: the paper's.
        optimizer: Default: the schema's.
        facts: Facts of the data; default: colour images.
        backbone: A network of your own in place of ``method.backbone``.
    """

    def __init__(
        self,
        method: RankNContrastConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: RegressionFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or RankNContrastConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone = build_backbone(config, facts or RegressionFacts(), backbone)
        if config.sync_batch_norm:
            convert_batch_norm(self)

    def embed(self, inputs: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(inputs)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: all views against all."""
        batch = as_regression_batch(batch)
        views, size = batch.inputs.shape[:2]
        h = self.embed(batch.inputs.flatten(0, 1)).unflatten(0, (views, size))
        loss = rank_n_contrast(h, batch.targets, self.method.temperature)
        if is_log_due(self):
            self.log("train/loss", loss.detach(), sync_dist=True)
        count_batch(self)
        return loss


def rank_n_contrast(h: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Returns the mean over pairs (i, j) of ``-log exp(s_ij) / sum over k of exp(s_ik)``.

    ``s`` is the negative Euclidean distance over the temperature; k is every sample but i that is
    at least as far from i in label as j is (arXiv 2210.01189, section 3). In float32 or wider.

    Several processes: columns are of the global batch, gathered with gradient; the mean is over
    this process's anchors, so that averaged gradients are those of the global batch.

    Args:
        h: ``(views, batch, dim)``.
        labels: ``(batch,)``.
        temperature: Divides the distances.
    """
    with torch.autocast(h.device.type, enabled=False):
        h = upcast(h)
        columns = torch.cat([gather_with_grad(view) for view in h])
        own = own_columns(len(h), len(labels), h.device)
        y = gather(labels).repeat(len(h))
        others = torch.ones(len(own), len(y), dtype=torch.bool, device=h.device)
        others[torch.arange(len(own), device=h.device), own] = False
        score = -torch.cdist(h.flatten(0, 1), columns)[others].view(len(own), -1) / temperature
        nearness = -(y[own][:, None] - y).abs()[others].view(len(own), -1)
        # From the farthest label on: the sum up to the last of equal distance is the denominator.
        nearness, order = nearness.sort(1)
        score = score.gather(1, order)
        last = torch.searchsorted(nearness, nearness, right=True) - 1
        return (score.logcumsumexp(1).gather(1, last) - score).mean()
