"""The contrastive gap as a LightningModule: `training_step` is the paper's method."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.modes import training
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch, as_pair_batch
from common.data.image_text.config import ImageTextFacts
from common.distributed.collectives import gather
from common.errors import ConfigError, UsageError
from common.losses.clip import ClipLoss
from common.losses.precision import unit
from common.methods.two_tower import PairModule, log_pairs
from common.training.diagnostics import is_log_due
from common.training.position import count_batch
from common.training.stages import Stage, enter_stage
from papers.contrastive_gap.config import ContrastiveGapConfig
from papers.contrastive_gap.loss import GapLoss, Weights, gap_loss, turn_to_gap


class ContrastiveGap(PairModule):
    """CLIP with uniformity and alignment, which close the gap (arXiv 2405.18570).

    Under several processes all terms are those of the global batch.

    Args:
        method: Default: CUA with encoders of CLIP's size.
        optimizer: Default: the published code's.
        facts: Facts of the data; default: CLIP's tokens and colour.
        backbone: A network of your own for the images, in place of ``method.backbone``.
        text_backbone: Another one for the texts, of ids and mask.
    """

    method: ContrastiveGapConfig
    rotation: Tensor

    def __init__(
        self,
        method: ContrastiveGapConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageTextFacts | None = None,
        backbone: nn.Module | None = None,
        text_backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or ContrastiveGapConfig()
        self.optimizer = optimizer or OptimizerConfig(
            name="adamw", lr=1e-6, weight_decay=0.1, beta2=0.99
        )
        self.build_towers(facts, backbone, text_backbone)
        if config.new_projectors:
            renew_projectors(self.towers, config.dim)
        self.register_buffer(
            "rotation", torch.eye(config.dim if config.start_gap is not None else 0)
        )
        self.weights = Weights(
            config.image_to_text_weight,
            config.text_to_image_weight,
            config.uniformity_weight,
            config.alignment_weight,
            config.cross_uniformity_weight,
        )
        self.stages = [Stage(name="contrast", rates=self.optimizer, begin=self.turn_first)]

    def project_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns what is contrasted, ``(batch, dim)``, of any norm; turned in the control."""
        v = super().project_text(ids, mask)
        return v if self.method.start_gap is None else unit(v) @ self.rotation.T.to(unit(v).dtype)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of CUA or CUAXU; the first one turns the texts, where they are turned."""
        batch = as_pair_batch(batch, self.facts.eot)
        enter_stage(self, self.stages)
        u, v = self.pair(batch)
        loss = gap_loss(u, v, self.log_scale, self.weights, self.keys(batch))
        log_pairs(self, ClipLoss(*loss[:3]), u.detach(), v.detach())
        self.log_terms(loss, u.detach(), v.detach())
        count_batch(self)
        return loss.total

    def pair(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Returns the vectors of images and of their texts, both ``(batch, dim)``."""
        u = self.project_image(batch.images[:, 0])
        return u, self.project_text(batch.ids[:, 0], batch.mask[:, 0])

    @torch.no_grad()
    def log_terms(self, loss: GapLoss, u: Tensor, v: Tensor) -> None:
        """Logs the terms beside CLIP's, and how far apart the centres of the batch are."""
        if not is_log_due(self):
            return
        for name in ("uniformity", "alignment", "cross_uniformity"):
            self.log(f"train/{name}_loss", getattr(loss, name).detach(), sync_dist=True)
        self.log("diag/centroid_distance", (unit(u).mean(0) - unit(v).mean(0)).norm())

    def turn_first(self) -> None:
        """Turns the texts by the first batches of the training, where they are turned."""
        if self.method.start_gap is None:
            return
        if self._trainer is not None:
            self.turn_texts(self.training_batches())
        elif torch.equal(self.rotation, torch.eye(len(self.rotation)).to(self.rotation)):
            raise UsageError(
                "module.turn_texts: call it with batches of pairs first; there is no Trainer that "
                "has them"
            )

    @torch.no_grad()
    def turn_texts(self, batches: Iterable[object]) -> None:
        """Sets the rotation that leaves `start_gap` of the distance between images and texts.

        In training mode, as the loss sees them: batch norm by the statistics of each batch, and
        what it counts is as before afterwards. All processes turn by the same pairs.

        Args:
            batches: Batches of pairs; the first `turning_pairs` count.
        """
        config = self.method
        assert config.start_gap is not None
        images, texts, count = [], [], 0
        before = [(buffer, buffer.clone()) for buffer in self.buffers()]
        with training(self):
            for batch in batches:
                u, v = self.pair(as_pair_batch(batch, self.facts.eot))
                images.append(gather(unit(u)))
                texts.append(gather(unit(v)))
                count += len(images[-1])
                if count >= config.turning_pairs:
                    break
        for buffer, value in before:
            buffer.copy_(value)
        u, v = (torch.cat(side)[: config.turning_pairs].double() for side in (images, texts))
        self.rotation.copy_(turn_to_gap(u, v, config.start_gap, config.turning_least))


def renew_projectors(towers: Any, dim: int) -> None:
    """Replaces both projectors of open_clip's ``towers.model`` by random ones of ``dim`` numbers.

    They are drawn as `torch.nn.Linear` draws its own.

    Raises:
        ConfigError: A model that keeps its projectors elsewhere.
    """
    model = towers.model
    for part, name in ((model.visual, "proj"), (model, "text_projection")):
        old = getattr(part, name, None)
        if not isinstance(old, nn.Parameter):
            raise ConfigError(
                "method.new_projectors: method.open_clip names a model whose projectors are not "
                "known here; take a ViT"
            )
        new, most = torch.empty(len(old), dim), len(old) ** -0.5
        setattr(part, name, nn.Parameter(nn.init.uniform_(new, -most, most)))
