"""CLIP-rocket as a LightningModule: `training_step` is the contrast on weak and strong views."""

import math
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch, as_pair_batch
from common.data.image_text.config import ImageTextFacts
from common.distributed.batch_norm import convert_batch_norm
from common.errors import DataError
from common.losses.clip import ClipLoss
from common.losses.precision import unit
from common.losses.sinkhorn import sinkhorn
from common.methods.two_tower import LARGEST, PairModule, TwoTower, log_pairs
from common.optim.ema import momentum_copy, update_momentum
from common.training.diagnostics import is_log_due
from common.training.position import batches_seen, count_batch
from papers.clip_rocket.config import ClipRocketConfig
from papers.clip_rocket.heads import (
    agreement_heads,
    barlip_heads,
    joined,
    predictors,
    strong_projectors,
)
from papers.clip_rocket.loss import (
    cl2l,
    mean_over_pairs,
    over_pairs,
    redundancy,
    siamlip,
    swalip,
    swalip_v1,
)


class Views(NamedTuple):
    """Features of images and of texts, ``(1 + A, batch, features)`` each, the weak view first."""

    images: Tensor
    texts: Tensor


class ClipRocket(PairModule):
    """CLIP on weak and strong views, with projectors apart, and one of five additions or none.

    Without strong views a batch is plain CLIP's. Under several processes negatives, correlations
    and codes are those of the global batch.

    Args:
        method: Default: ResNet-50 on CC12M.
        optimizer: Default: the schema's.
        facts: Of the data; default: CLIP's tokens and colour.
    """

    towers: TwoTower
    method: ClipRocketConfig

    def __init__(
        self,
        method: ClipRocketConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageTextFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or ClipRocketConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts)
        self.build_towers(facts)
        self.strong = self.strong_log_scale = self.heads = self.predictors = None
        if config.separate_projectors:
            self.strong = strong_projectors(self.towers, config)
            self.strong_log_scale = nn.Parameter(torch.tensor(math.log(config.strong_scale)))
        if config.addition == "barlip":
            self.heads = barlip_heads(self.towers, config)
        if config.addition in ("siamlip", "byolip"):
            self.heads = agreement_heads(self.towers, config)
            self.predictors = predictors(config)
        if config.addition == "swalip-v1":
            self.prototypes = nn.Linear(config.dim, config.swalip.num_prototypes, bias=False)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.average = momentum_copy(self.followed) if config.has_momentum else None

    @property
    def followed(self) -> nn.ModuleList:
        """What momentum towers are copies of: towers, and the heads behind them."""
        return nn.ModuleList([self.towers, *([] if self.heads is None else [self.heads])])

    def project_image(self, images: Tensor) -> Tensor:
        """Returns what is compared at the test, ``(batch, dim)`` or both projectors' ``2 dim``."""
        h = self.embed(images)
        weak = self.towers.image_projector(h)
        if self.strong is None:
            return weak
        return joined(weak, self.strong.image(h), self.method.test_weight)

    def project_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns what is compared at the test, as `project_image`."""
        h = self.embed_text(ids, mask)
        weak = self.towers.text_projector(h)
        if self.strong is None:
            return weak
        return joined(weak, self.strong.text(h), self.method.test_weight)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: the contrast (equations 1 to 4), and what is added to it."""
        batch, config = as_pair_batch(batch, self.facts.eot), self.method
        views = embed_views(self.towers, batch, config.text_dropout)
        z_image = self.towers.image_projector(views.images[0])  # (batch, dim)
        z_text = self.towers.text_projector(views.texts[0])
        h_image, h_text = self.project_strong(views)  # (A, batch, dim)
        contrast = cl2l(
            *(z_image, z_text, h_image, h_text),
            *(self.log_scale, self.strong_scale_log),
            config.label_smoothing,
            config.reduction,
        )
        added = self.added_loss(batch, views, (z_image, z_text), (h_image, h_text))
        loss = contrast.total + added
        ways = ClipLoss(loss, contrast.image, contrast.text)
        log_pairs(self, ways, z_image.detach(), z_text.detach())
        if is_log_due(self):
            self.log("train/added_loss", added.detach(), sync_dist=True)
            self.log("diag/strong_scale", self.strong_scale_log.exp().detach())
        count_batch(self)
        return loss

    @property
    def strong_scale_log(self) -> Tensor:
        """The logarithm of the scale of strong pairs, a scalar."""
        return self.log_scale if self.strong_log_scale is None else self.strong_log_scale

    def project_strong(self, views: Views) -> tuple[Tensor, Tensor]:
        """Returns the strong views in the common space, ``(A, batch, dim)`` of each side."""
        images, texts = views.images[1:], views.texts[1:]
        if self.strong is None or not len(images):
            return self.towers.image_projector(images), self.towers.text_projector(texts)
        return self.strong(images, texts)

    def added_loss(
        self, batch: PairBatch, views: Views, z: tuple[Tensor, Tensor], h: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Returns the addition's loss (equations 6 to 9), 0 where there is none.

        Args:
            batch: Of this process.
            views: The features of its views.
            z: The weak images and texts in the common space, ``(batch, dim)`` each.
            h: The strong ones, ``(A, batch, dim)`` each.

        Raises:
            DataError: SwALIP on another number of strong views than 2.
        """
        config = self.method
        if config.addition == "barlip":
            settings = config.barlip
            term = partial(
                redundancy,
                off_diagonal_weight=settings.off_diagonal_weight,
                weight=settings.weight,
                gradient_scale=settings.gradient_scale,
            )
            return mean_over_pairs(over_pairs(term, *self.heads(*views)))
        if config.addition in ("siamlip", "byolip"):
            v = self.heads(*views)
            targets = v if self.average is None else self.average_projections(batch)
            return siamlip(*self.predictors(*v), *targets)
        if config.addition == "swalip":
            if len(h[0]) != 2:
                raise DataError(f"{len(h[0])} strong views: training_step takes 2 with SwALIP")
            settings = config.swalip
            found = swalip(*h, self.strong_scale_log, settings.epsilon, settings.iterations)
            return settings.weight * found.loss
        if config.addition == "swalip-v1":
            return config.swalip.weight * self.predict_codes(batch, z)
        return z[0].new_zeros(())

    @torch.no_grad()
    def average_projections(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Returns the projections of the momentum towers, ``(1 + A, batch, output_dim)`` each."""
        towers, heads = self.average
        return heads(*embed_views(towers, batch, self.method.text_dropout))

    def predict_codes(self, batch: PairBatch, z: tuple[Tensor, Tensor]) -> Tensor:
        """Returns the older SwALIP's loss of the weak pair ``z``, ``(batch, dim)`` each."""
        config = self.method.swalip
        with torch.no_grad():
            self.prototypes.weight.copy_(unit(self.prototypes.weight))
        scores = [self.prototypes(unit(side)) for side in z]
        with torch.no_grad():
            telling = scores
            if self.average is not None:
                views = embed_views(self.average[0], batch, 0.0)
                towers = self.average[0]
                both = towers.image_projector(views.images[0]), towers.text_projector(views.texts[0])
                telling = [self.prototypes(unit(side)) for side in both]
            codes = [sinkhorn(side, config.epsilon, config.iterations) for side in telling]
        return swalip_v1(*scores, *codes, config.temperature)

    def on_after_backward(self) -> None:
        """Drops the gradient of the older SwALIP's prototypes while they are frozen.

        None, not zero: momentum and decay would move them all the same.
        """
        # The batch has been counted already.
        if self.method.addition == "swalip-v1":
            if batches_seen(self) <= self.method.swalip.freeze_batches:
                self.prototypes.weight.grad = None

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Takes the step, keeps both scales in 1..100, and moves the momentum towers."""
        super().optimizer_step(*args, **kwargs)
        if self.strong_log_scale is not None:
            with torch.no_grad():
                self.strong_log_scale.clamp_(0, LARGEST)
        if self.average is not None:
            update_momentum(self.average, self.followed, self.method.agreement.momentum)


def embed_views(towers: TwoTower, batch: PairBatch, dropout: float) -> Views:
    """Returns the features of all views, each of which passes the towers alone.

    Args:
        towers: The trained ones, or those that follow them.
        batch: Of this process.
        dropout: Of strong texts, in training.
    """
    images = [towers.embed_image(view) for view in batch.images.unbind(1)]
    weak, *strong = zip(batch.ids.unbind(1), batch.mask.unbind(1), strict=True)
    texts = [towers.embed_text(*weak)]
    rate = {"dropout": dropout} if dropout else {}
    texts += [towers.text(*view, **rate) for view in strong]
    return Views(torch.stack(images), torch.stack(texts))
