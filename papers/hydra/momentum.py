"""Momentum Hydra as a LightningModule: MoCo v3's instance term and the contrast of pairs."""

import torch
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather
from common.errors import ConfigError
from common.losses.pairs import check_batch_labels, draw_partners
from common.methods.momentum import MomentumModule
from common.optim.ema import momentum_copy, update_momentum
from common.training.diagnostics import CollapseWarning, is_log_due
from common.training.position import batches_seen, count_batch, epoch_reached
from papers.hydra.config import HydraConfig
from papers.hydra.contrast import (
    ADVICE,
    PairContrast,
    build_gate,
    build_mlp,
    entropy_term,
    log_pairs,
    pair_gate,
)
from papers.hydra.loss import instance_contrast, momentum_total


class Hydra(MomentumModule):
    """Arbitrary pairs beside the image itself, keys from a momentum encoder.

    Under several processes pairs are drawn for the global batch; keys are gathered without
    gradient, which they have not.

    Args:
        method: Default: the authors' newest builder.
        optimizer: Default: the schema's. The authors' recipes: LARS or AdamW.
        facts: Facts of the images; default: 10 classes in colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    pair_seed: Tensor

    def __init__(
        self,
        method: HydraConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or HydraConfig()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or ImageFacts()
        config.check_facts(facts)
        self.num_classes = facts.num_classes
        self.backbone = build_image_backbone(config, facts, backbone)
        hidden, output, layers = config.hidden_dim, config.output_dim, config.projector_layers
        self.projector = build_mlp(
            self.backbone.num_features, hidden, output, layers, config.projector_norm
        )
        self.predictor = self.build_predictor()
        self.pair_predictor = self.build_predictor() if config.separate_predictor else None
        self.gate = build_gate(config, facts.num_classes)
        self.contrast = PairContrast(config)
        self.momentum_backbone = momentum_copy(self.backbone)
        self.momentum_projector = momentum_copy(self.projector)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.count_updates()
        # With the position, the seed of the drawn pairs.
        self.register_buffer("pair_seed", torch.tensor(torch.initial_seed() % 2**62))
        self.collapse = CollapseWarning(ADVICE)

    def build_predictor(self) -> nn.Sequential:
        """Returns a network from embeddings to what is compared with the keys."""
        config = self.method
        dims = config.output_dim, config.hidden_dim, config.output_dim
        return build_mlp(*dims, config.predictor_layers, config.predictor_norm)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        if self.method.evaluated == "momentum":
            return self.momentum_backbone(images)
        return self.backbone(images)

    @torch.no_grad()
    def keys(self, view: Tensor) -> Tensor:
        """Returns the momentum encoder's keys of all processes, ``(global batch, dim)``."""
        return gather(self.momentum_projector(self.momentum_backbone(view)))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step; each view passes the networks on its own, as in MoCo v3.

        Raises:
            DataError: An image without a label.
        """
        batch = as_view_batch(batch, 2)
        labels, config = batch.labels, self.method
        check_batch_labels(labels, batches_seen(self))
        z = [self.projector(self.backbone(view)) for view in batch.views]  # (batch, dim) each
        q = [self.predictor(view) for view in z]
        keys = [self.keys(view) for view in batch.views]
        temperature = config.temperature
        instance = (
            instance_contrast(q[0], keys[1], temperature)
            + instance_contrast(q[1], keys[0], temperature)
        ) / 2
        partners = self.partners(labels)
        gates = [pair_gate(self.gate, labels, partners) for _ in z]  # (batch, dim) each
        if self.pair_predictor is not None:
            q = [self.pair_predictor(view) for view in z]
        if self.trains_filter_alone():
            q = [view.detach() for view in q]
        classes = labels, partners, gather(labels)
        disparate = (
            self.contrast(q[0], keys[1], gates[0], *classes)
            + self.contrast(q[1], keys[0], gates[1], *classes)
        ) / 2
        loss = momentum_total(instance, disparate, config.disparate_weight)
        loss = loss + entropy_term(config, self.gate, gates[0], self.num_classes)
        if is_log_due(self):
            self.log("train/loss", loss.detach(), sync_dist=True)
            self.log("train/instance", instance.detach(), sync_dist=True)
            self.log("train/disparate", disparate.detach(), sync_dist=True)
            with torch.no_grad():
                log_pairs(self, self.collapse, z[0].detach(), gates[0], labels, partners)
        count_batch(self)
        return loss

    def trains_filter_alone(self) -> bool:
        """Tells whether the pairs send no gradient to the encoder yet.

        Raises:
            ConfigError: Without a Trainer such epochs have no length.
        """
        epochs = self.method.filter_epochs
        if epochs and self._trainer is None:
            raise ConfigError(
                f"method.filter_epochs={epochs}: only a Trainer knows how long an epoch is; use "
                "one, or 0"
            )
        return not epoch_reached(self, epochs)

    def partners(self, labels: Tensor) -> Tensor:
        """Returns each anchor's partner class, ``(batch,)``."""
        pairs, position = self.method.pairs, batches_seen(self)
        return draw_partners(labels, pairs, self.num_classes, self.pair_seed, position)

    def follow(self, momentum: float) -> None:
        """Moves the momentum encoder towards the encoder; its batch norms keep their statistics."""
        update_momentum(self.momentum_backbone, self.backbone, momentum)
        update_momentum(self.momentum_projector, self.projector, momentum)
