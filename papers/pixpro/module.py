"""PixPro as a LightningModule: `training_step` is the paper's algorithm."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.backbones.build import FEATURE_MAP, build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch, as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.errors import DataError
from common.losses.infonce import nt_xent
from common.losses.spread import effective_rank
from common.methods.momentum import MomentumModule
from common.optim.ema import momentum_copy, update_momentum
from common.training.diagnostics import CollapseWarning, embedding_std, is_log_due
from common.training.position import batches_seen, count_batch
from papers.pixpro.config import PixProConfig
from papers.pixpro.geometry import crop_coordinates
from papers.pixpro.layers import PixelPropagation, conv_mlp
from papers.pixpro.loss import (
    agreement_of_images,
    pixel_consistency,
    pixel_contrast,
    positive_mask,
    unit,
)

ADVICE = "Try method.propagation=true, a higher method.momentum or a lower optimizer.lr"
# Rows whose rank and spread are measured.
DIAGNOSED = 1024


class Watched(NamedTuple):
    """What is looked at for a collapse.

    ``features``: (batch, dim, rows, columns). ``met``: share of images with corresponding cells;
    None without pixel loss.
    """

    features: Tensor
    met: Tensor | None


class PixPro(MomentumModule):
    """Pixel-level consistency of two crops (arXiv 2011.10043), with or without instance branch.

    The momentum networks are copies that follow by a moving average after each optimizer update;
    they use their own batches' statistics and keep running ones of their own.

    Args:
        method: Default: the paper's.
        optimizer: Default: the schema's. The paper: LARS, without decay of biases and norms.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``, with a ``feature_map``.
    """

    def __init__(
        self,
        method: PixProConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or PixProConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.backbone: Any = build_image_backbone(config, facts, backbone, FEATURE_MAP)
        self.add_pixel_branch()
        self.add_instance_branch()
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.momentum_networks = nn.ModuleDict(
            {name: momentum_copy(getattr(self, name)) for name in self.followed()}
        )
        self.count_updates()
        self.collapse = CollapseWarning(ADVICE)

    def add_pixel_branch(self) -> None:
        """Builds projector and propagation, unless there is no pixel loss."""
        config = self.method
        self.has_pixel_branch = config.pixel_loss != "none"
        if not self.has_pixel_branch:
            return
        self.projector = conv_mlp(self.backbone.num_features, config.hidden_dim, config.output_dim)
        self.propagation: nn.Module = nn.Identity()
        if config.propagation:
            self.propagation = PixelPropagation(
                config.output_dim,
                config.transform_layers,
                config.sharpness,
                config.clamp,
                config.transform_norm,
                config.normalise_values,
            )

    def add_instance_branch(self) -> None:
        """Builds the instance projector and the predictor, where they are used."""
        config, out = self.method, self.method.output_dim
        self.has_instance_branch = config.instance_weight > 0
        self.predicts = self.has_instance_branch and config.instance_loss == "predict"
        if self.has_instance_branch:
            features = self.backbone.num_features
            self.instance_projector = conv_mlp(features, config.hidden_dim, out)
        if self.predicts:
            self.predictor = conv_mlp(out, config.hidden_dim, out)

    def followed(self) -> list[str]:
        """Returns the names of the networks that have a momentum copy."""
        names = ["projector"] * self.has_pixel_branch + ["instance_projector"] * self.predicts
        return ["backbone", *names] if names else []

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: each view's map must agree with the other view's momentum map."""
        batch = as_view_batch(batch, 2)
        sizes = sizes_of(batch)
        places = [crop_coordinates(crops[:, :4], sizes, crops[:, 4]) for crops in batch.crops]
        loss, watched = self.objective(batch.views, places)
        self.diagnose(loss.detach(), watched)
        count_batch(self)
        return loss

    def objective(self, views: list[Tensor], places: list[Tensor]) -> tuple[Tensor, Watched]:
        """Returns the loss, and what is watched for a collapse.

        Args:
            views: Two of ``(batch, channels, size, size)``; each passes the networks by itself.
            places: Places of each view ``(batch, 4)``, see `crop_coordinates`.
        """
        maps = [self.backbone.feature_map(view) for view in views]
        keys = self.momentum_maps(views)
        loss, watched = maps[0].new_zeros(()), Watched(maps[0].detach(), None)
        if self.has_pixel_branch:
            q = [unit(self.propagation(self.projector(f))) for f in maps]
            k = [unit(self.momentum("projector", f)) for f in keys]
            # The distance is that of the larger cell, so the other direction's mask is this one's
            # transpose.
            mask = positive_mask(q[0], k[1], places[0], places[1], self.method.threshold)
            loss = loss + self.pixel_loss(q[0], k[1], mask)
            loss = loss + self.pixel_loss(q[1], k[0], mask.transpose(1, 2))
            watched = Watched(k[0], mask.flatten(1).any(1).float().mean())
        if self.has_instance_branch:
            loss = loss + self.method.instance_weight * self.instance_loss(maps, keys)
        return loss, watched

    @torch.no_grad()
    def momentum_maps(self, views: list[Tensor]) -> list[Tensor]:
        """Returns the momentum backbone's map of each view; none if no loss has use for them."""
        if "backbone" not in self.momentum_networks:
            return []
        network: Any = self.momentum_networks["backbone"]
        return [network.feature_map(view) for view in views]

    @torch.no_grad()
    def momentum(self, name: str, f: Tensor) -> Tensor:
        """Returns ``f`` through the momentum copy of the network ``name``."""
        mapped: Tensor = self.momentum_networks[name](f)
        return mapped

    def pixel_loss(self, q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
        """Returns the loss of cells of ``q`` against corresponding ones of ``k``, one direction."""
        config = self.method
        if config.pixel_loss == "contrast":
            return pixel_contrast(q, k, mask, config.temperature)
        return pixel_consistency(q, k, mask, config.averaging)

    def instance_loss(self, maps: list[Tensor], keys: list[Tensor]) -> Tensor:
        """Returns the loss of whole images; maps are pooled after the networks, not before."""
        z = [self.instance_projector(f) for f in maps]
        if not self.predicts:
            pooled = [of_view.mean((2, 3)) for of_view in z]
            return nt_xent(pooled[0], pooled[1], self.method.instance_temperature)
        q = [self.predictor(of_view).mean((2, 3)) for of_view in z]
        k = [self.momentum("instance_projector", f).mean((2, 3)) for f in keys]
        return agreement_of_images(q[0], k[1]) + agreement_of_images(q[1], k[0])

    def follow(self, momentum: float) -> None:
        """Moves the momentum networks towards the trained ones."""
        for name in self.followed():
            update_momentum(self.momentum_networks[name], getattr(self, name), momentum)

    @torch.no_grad()
    def diagnose(self, loss: Tensor, watched: Watched) -> None:
        """Logs the loss and, where metrics are written, the signs of a collapse.

        Args:
            loss: Loss of the step.
            watched: What is logged of the step; every cell is a sample.
        """
        if not is_log_due(self):
            return
        z = unit(watched.features).movedim(1, 3).flatten(0, 2)
        every = -(-len(z) // DIAGNOSED)
        std = embedding_std(z[::every])
        self.log("train/loss", loss, sync_dist=True)
        self.log("diag/embedding_std", std)
        self.log("diag/effective_rank", effective_rank(z[::every]))
        signs = {"features do not differ": float(std) < 0.01 * z.shape[1] ** -0.5}
        if watched.met is not None:
            self.log("diag/images_with_pairs", watched.met, sync_dist=True)
            signs["no image has two views that meet (data.views: larger area)"] = watched.met == 0
        self.collapse.check(signs, batches_seen(self) + 1)


def sizes_of(batch: ViewBatch) -> Tensor:
    """Returns (batch, 2): the images' sizes; raises `DataError` if the views lack them."""
    if batch.sizes is None:
        raise DataError(
            "data.views: training_step takes (views, labels, crops, sizes), as `ViewBatch` says"
        )
    return batch.sizes
