"""CLIP-rocket as a LightningModule: `training_step` is the contrast on weak and strong views."""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch, as_pair_batch
from common.data.image_text.config import ImageTextFacts
from common.distributed.batch_norm import convert_batch_norm
from common.errors import DataError
from common.losses.clip import ClipLoss
from common.losses.sinkhorn import sinkhorn
from common.methods.two_tower import LARGEST, PairModule, TwoTower, log_pairs
from common.optim.ema import momentum_copy, update_momentum
from common.training.diagnostics import is_log_due
from common.training.position import batches_seen, count_batch
from papers.clip_rocket.config import ClipRocketConfig
from papers.clip_rocket.heads import (
    Prototypes,
    agreement_heads,
    barlip_heads,
    joined,
    predictors,
    prototype_heads,
    strong_projectors,
)
from papers.clip_rocket.loss import (
    Sides,
    cl2l,
    mean_over_pairs,
    over_pairs,
    redundancy,
    siamlip,
    swalip,
    swalip_v1,
)


class ClipRocket(PairModule):
    """CLIP on weak and strong views, with projectors apart, and one of five additions or none.

    Without strong views a batch is plain CLIP's. Under several processes negatives, correlations
    and codes are those of the global batch.

    Args:
        method: Default: ResNet-50 on CC12M.
        optimizer: Default: the schema's.
        facts: Facts of the data; default: CLIP's tokens and colour.
        backbone: A network of your own for the images, in place of ``method.backbone``.
        text_backbone: Another one for the texts, of ids and mask.
    """

    towers: TwoTower
    method: ClipRocketConfig

    def __init__(
        self,
        method: ClipRocketConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageTextFacts | None = None,
        backbone: nn.Module | None = None,
        text_backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or ClipRocketConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.build_towers(facts, backbone, text_backbone)
        apart, added = config.separate_projectors, config.addition
        self.strong = strong_projectors(self.towers, config) if apart else None
        self.strong_log_scale = (
            nn.Parameter(torch.tensor(math.log(config.strong_scale))) if apart else None
        )
        if added == "barlip":
            self.heads = barlip_heads(self.towers, config)
        if added in ("siamlip", "byolip"):
            self.heads = agreement_heads(self.towers, config)
            self.predictors = predictors(config)
        if added == "swalip-v1":
            self.heads = prototype_heads(self.towers, config)
            outputs, count = config.agreement.output_dim, config.swalip.num_prototypes
            self.prototypes = Prototypes(outputs, count, bias=False)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.average = momentum_copy(self.followed) if config.has_momentum else None

    @property
    def followed(self) -> nn.ModuleList:
        """What the momentum copy follows: towers, heads, and prototypes where there are some."""
        prototypes = [self.prototypes] if self.method.addition == "swalip-v1" else []
        return nn.ModuleList([self.towers, self.heads, *prototypes])

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
        """One step: the contrast (equations 1 to 4), and what is added to it (6 to 9)."""
        batch, config = as_pair_batch(batch, self.facts.eot), self.method
        features = embed_views(self.towers, batch, config.text_dropout)  # (1 + A, batch, features)
        z = project_weak(self.towers, features)  # (batch, dim)
        h = self.project_strong(features)  # (A, batch, dim)
        scales = self.log_scale, self.scale_of_strong
        keys = self.keys(batch)
        contrast = cl2l(z, h, *scales, config.label_smoothing, config.reduction, keys)
        added = self.added_loss(batch, features, h)
        loss = contrast.total + added
        told = ClipLoss(loss, contrast.image, contrast.text)
        log_pairs(self, told, z.image.detach(), z.text.detach())
        if is_log_due(self):
            self.log("train/added_loss", added.detach(), sync_dist=True)
            self.log("diag/strong_scale", self.scale_of_strong.exp().detach())
        count_batch(self)
        return loss

    @property
    def scale_of_strong(self) -> Tensor:
        """The logarithm of the scale of strong pairs, a scalar."""
        return self.log_scale if self.strong_log_scale is None else self.strong_log_scale

    def project_strong(self, features: Sides) -> Sides:
        """Returns the strong views in the common space, ``(A, batch, dim)`` each.

        Args:
            features: Features of all views, ``(1 + A, batch, features)`` each.
        """
        strong = Sides(features.image[1:], features.text[1:])
        if self.strong is None or not len(strong.image):
            return project(self.towers, strong)
        return self.strong(strong)

    def added_loss(self, batch: PairBatch, features: Sides, h: Sides) -> Tensor:
        """Returns the addition's loss, 0 where there is none.

        Args:
            batch: Batch of this process.
            features: Features of its views, ``(1 + A, batch, features)`` each.
            h: The strong views in the common space, ``(A, batch, dim)`` each.

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
            return mean_over_pairs(over_pairs(term, *self.heads(features)))
        if config.addition in ("siamlip", "byolip"):
            v: Sides = self.heads(features)
            targets = v if self.average is None else self.average_projections(batch)
            return siamlip(self.predictors(v), targets)
        if config.addition == "swalip":
            if len(h.image) != 2:
                raise DataError(f"{len(h.image)} strong views: training_step takes 2 with SwALIP")
            codes = config.swalip.epsilon, config.swalip.iterations
            return config.swalip.weight * swalip(h, self.scale_of_strong, *codes).loss
        if config.addition == "swalip-v1":
            return config.swalip.weight * self.predict_codes(batch, features)
        return h.image.new_zeros(())

    @torch.no_grad()
    def average_projections(self, batch: PairBatch) -> Sides:
        """Returns the projections of the momentum copy, ``(1 + A, batch, output_dim)`` each."""
        assert self.average is not None
        towers, heads, *_ = list[Any](self.average)
        found: Sides = heads(embed_views(towers, batch, self.method.text_dropout))
        return found

    def predict_codes(self, batch: PairBatch, features: Sides) -> Tensor:
        """Returns the older SwALIP's loss of the weak pair.

        Args:
            batch: Batch of this process.
            features: Features of its views, the weak one first, ``(views, batch, features)`` each.
        """
        config, telling = self.method.swalip, None
        scores = Sides(*(self.prototypes(side[0]) for side in self.heads(features)))
        if self.average is not None:
            copied: Any = self.average[-1]
            telling = Sides(*(copied(side[0]) for side in self.average_projections(batch)))
        codes = (sinkhorn(side, config.epsilon, config.iterations) for side in telling or scores)
        return swalip_v1(scores, Sides(*codes), config.temperature)

    def on_after_backward(self) -> None:
        """Drops the gradient of the older SwALIP's prototypes while they are frozen.

        None, not zero: momentum and decay would move them all the same.
        """
        if self.method.addition != "swalip-v1":
            return
        # The batch has been counted already.
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


def embed_views(towers: TwoTower, batch: PairBatch, dropout: float) -> Sides:
    """Returns the features of all views, ``(1 + A, batch, features)`` each.

    Each view passes the towers alone.

    Args:
        towers: The trained ones, or those that follow them.
        batch: Batch of this process.
        dropout: Dropout of strong texts, in training.
    """
    images = [towers.embed_image(view) for view in batch.images.unbind(1)]
    weak, *strong = zip(batch.ids.unbind(1), batch.mask.unbind(1), strict=True)
    rate = {"dropout": dropout} if dropout else {}
    texts = [towers.embed_text(*weak), *(towers.text(*view, **rate) for view in strong)]
    return Sides(torch.stack(images), torch.stack(texts))


def project(towers: TwoTower, features: Sides) -> Sides:
    """Returns ``features (..., features)`` in the common space, by the linear projectors."""
    return Sides(towers.image_projector(features.image), towers.text_projector(features.text))


def project_weak(towers: TwoTower, features: Sides) -> Sides:
    """Returns the weak pair in the common space, ``(batch, dim)`` each.

    Args:
        towers: With the linear projectors.
        features: Features of all views, ``(1 + A, batch, features)`` each.
    """
    return project(towers, Sides(features.image[0], features.text[0]))
