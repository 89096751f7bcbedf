"""What CPL is set beside: labels alone, ORCA and RankStats, on the same network and batches."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.targets.open_world.batch import as_open_world_batch
from common.data.targets.open_world.config import OpenWorldFacts
from common.distributed.collectives import gather
from common.distributed.draws import keyed_generator
from common.errors import ConfigError
from common.losses.precision import unit, upcast
from common.training.diagnostics import is_log_due
from common.training.position import batches_seen, count_batch
from papers.owdfa_cpl.config import ClassifierConfig, ORCAConfig, RankStatsConfig
from papers.owdfa_cpl.loss import entropy, margin_cross_entropy, mean_entropy, pair_consistency
from papers.owdfa_cpl.network import Heads, join, join_with_grad
from papers.owdfa_cpl.voting import global_similarity

# ORCA's code: the largest uncertainty that is a margin.
MOST_DOUBT = 0.5


class Classifier(Heads[ClassifierConfig]):
    """Cross-entropy on labelled rows: the lower bound, and with all labels the upper bound."""

    defaults = ClassifierConfig

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """Names the labelled rows; unlabelled ones are not looked at."""
        batch = as_open_world_batch(batch, self)
        num = batch.num_labelled
        logits = self.predict(batch.images[:num])
        loss = margin_cross_entropy(logits, batch.labels, self.method.margin)
        if is_log_due(self):
            self.log("train/loss", loss.detach(), sync_dist=True)
        count_batch(self)
        return loss


def nearest_rows(features: Tensor, num_labelled: int) -> Tensor:
    """Returns the nearest other row of each unlabelled one, ``(unlabelled,)``.

    Args:
        features: ``(rows, dim)``, labelled rows first.
        num_labelled: How many those are.
    """
    near = global_similarity(features.detach())
    near.fill_diagonal_(-torch.inf)
    return near[num_labelled:].argmax(dim=1)


class ORCA(Heads[ORCAConfig]):
    """ORCA: uncertainty-adaptive margin, pairs, and an even use of heads (orca_cifar.py).

    Scores are scaled cosines. The mean uncertainty of unlabelled rows is a margin by which the
    scores of known classes count as higher, so that these are learnt no faster than novel ones.
    """

    defaults = ORCAConfig

    def predict(self, images: Tensor) -> Tensor:
        """Returns scores of all heads, scaled cosines ``(batch, heads)``."""
        return self.scores(self.embed(images))

    def scores(self, g: Tensor) -> Tensor:
        """Returns the scaled cosines of features ``(batch, dim)`` with the heads."""
        dropped = F.dropout(g, self.method.dropout, self.training)
        return self.method.scale * (unit(dropped) @ unit(self.head.classifier.weight).T)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step over the global batch."""
        batch = as_open_world_batch(batch, self)
        config, num = self.method, batch.num_labelled
        g = self.embed(batch.images)
        logits, labels = join_with_grad(self.scores(g), num), gather(batch.labels)
        free = logits[len(labels) :].detach().softmax(dim=1)
        doubt = min(1 - float(free.amax(dim=1).mean()), MOST_DOUBT)
        margin = config.scale * config.uncertainty_weight * doubt
        ce = margin_cross_entropy(logits[: len(labels)], labels, margin)
        drawn = self.draw_partners(labels, keyed_generator(int(self.draw_seed), batches_seen(self)))
        nearest = nearest_rows(join(g, num), len(labels))
        pairs = pair_consistency(logits, torch.cat([drawn, nearest]))
        loss = ce + config.pair_weight * pairs - config.entropy_weight * mean_entropy(logits)
        if is_log_due(self):
            self.log("train/loss", loss.detach())
        count_batch(self)
        return loss


def same_strongest(features: Tensor, top_k: int) -> Tensor:
    """Returns ``(rows, rows)`` bool: whether two rows have the same ``top_k`` strongest features.

    Args:
        features: ``(rows, dim)``.
        top_k: How many; their order does not count.
    """
    strongest = features.topk(top_k, dim=1).indices.sort(dim=1).values
    return (strongest[:, None] == strongest).all(dim=2)


class RankStats(Heads[RankStatsConfig]):
    """RankStats: pairs of unlabelled rows with the same strongest features are of one class.

    It logs ``diag/partners``, with how many others a row has them in common (AutoNovel's code).
    """

    defaults = RankStatsConfig

    def __init__(
        self,
        method: RankStatsConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: OpenWorldFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__(method, optimizer, facts, backbone=backbone)
        top_k, width = self.method.top_k, self.backbone.num_features
        if top_k > width:
            raise ConfigError(
                f"method.top_k={top_k}: method.backbone={self.method.backbone} has {width} "
                f"features; use at most {width}"
            )

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step over the global batch; the second prediction differs by its dropout."""
        batch = as_open_world_batch(batch, self)
        config, num = self.method, batch.num_labelled
        maps = self.backbone.feature_map(batch.images)
        g = self.head.embed(maps)
        logits = join_with_grad(self.head.classify(g), num)
        again = join_with_grad(self.head.classify(g), num)
        # The code ranks what is pooled, after a ReLU, and no batch norm is between.
        labels, features = gather(batch.labels), join(maps.mean(dim=(2, 3)).relu(), num)
        ce = margin_cross_entropy(logits[: len(labels)], labels, config.margin)
        probs, other = (upcast(x).softmax(dim=1) for x in (logits, again))
        same = same_strongest(features[len(labels) :], config.top_k).to(probs)
        with torch.autocast(probs.device.type, enabled=False):
            agreement = probs[len(labels) :] @ other[len(labels) :].T
            pairs = F.binary_cross_entropy(agreement.clamp(1e-7, 1 - 1e-7), same)
        consistency = F.mse_loss(probs, other)
        loss = ce + config.pair_weight * pairs + config.consistency_weight * consistency
        loss = loss - config.entropy_weight * entropy(probs.mean(dim=0))
        if is_log_due(self):
            self.log("train/loss", loss.detach())
            self.log("diag/partners", same.sum(dim=1).mean() - 1)
        count_batch(self)
        return loss
