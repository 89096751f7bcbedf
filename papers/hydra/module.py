"""SimLAP as a LightningModule: `training_step` is the authors' step without a momentum encoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.build import build_image_backbone
from common.config.schema import OptimizerConfig
from common.data.images.batch import as_view_batch
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather, gather_with_grad
from common.losses.pairs import check_batch_labels, draw_partners
from common.losses.precision import upcast
from common.methods.heads import pass_views
from common.training.diagnostics import CollapseWarning, is_log_due
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.hydra.config import SimLAPConfig
from papers.hydra.contrast import (
    ADVICE,
    PairContrast,
    build_gate,
    build_mlp,
    entropy_term,
    log_pairs,
    pair_gate,
)


class SimLAP(PaperModule):
    """Learns from arbitrary pairs of classes, each in a subspace of its own (arXiv 2410.18200).

    Under several processes pairs are drawn for the global batch and keys are gathered with
    gradient.

    Args:
        method: Default: the two-view form of the authors' ``cl/`` folder.
        optimizer: Default: the schema's. The authors: LARS; the filter has the encoder's rate.
        facts: Facts of the images; default: 10 classes in colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    pair_seed: Tensor

    def __init__(
        self,
        method: SimLAPConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SimLAPConfig(views_together=False)
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        facts = facts or ImageFacts()
        config.check_facts(facts)
        self.num_classes = facts.num_classes
        self.backbone = build_image_backbone(config, facts, backbone)
        features, layers = self.backbone.num_features, config.projector_layers
        self.projector = build_mlp(
            features, config.hidden_dim, config.output_dim, layers, config.projector_norm
        )
        self.gate = build_gate(config, facts.num_classes)
        self.contrast = PairContrast(config)
        self.classifier = nn.Linear(features, facts.num_classes) if config.online_head else None
        if config.sync_batch_norm:
            convert_batch_norm(self)
        # With the position, the seed of the drawn pairs.
        self.register_buffer("pair_seed", torch.tensor(torch.initial_seed() % 2**62))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``."""
        return self.backbone(images)

    def classify(self, images: Tensor) -> Tensor:
        """Returns the online head's scores, ``(batch, classes)``."""
        if self.classifier is None:
            raise ValueError("method.online_head=false: there is no head to classify with")
        return self.classifier(self.embed(images))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: pairs, their gates, the contrast in the gated subspaces.

        Raises:
            DataError: An image without a label.
        """
        batch = as_view_batch(batch, None if self.method.contrast == "pooled" else 2)
        labels = batch.labels
        check_batch_labels(labels, batches_seen(self))
        together = self.method.views_together
        h = pass_views(self.backbone, batch.views, together)
        z = pass_views(self.projector, h.unbind(), together)  # (views, batch, dim)
        partners = self.partners(labels)
        loss, gate = self.compare(z, labels, partners)
        loss = loss + entropy_term(self.method, self.gate, gate, self.num_classes)
        if self.classifier is not None:
            # On features without gradient: the head does not train the encoder.
            scores = upcast(self.classifier(h.detach().flatten(0, 1)))
            loss = loss + F.cross_entropy(scores, labels.repeat(len(z)))
        self.diagnose(loss.detach(), z.detach(), gate, labels, partners)
        count_batch(self)
        return loss

    def partners(self, labels: Tensor) -> Tensor:
        """Returns each anchor's partner class, ``(batch,)``, the same for all its views."""
        pairs, position = self.method.pairs, batches_seen(self)
        return draw_partners(labels, pairs, self.num_classes, self.pair_seed, position)

    def compare(self, z: Tensor, labels: Tensor, partners: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns the loss of views ``z (views, batch, dim)`` and the gates ``(batch, dim)``.

        The views are compared with each other, or pooled.
        """
        views, everyone = len(z), gather(labels)
        keys = [gather_with_grad(view) for view in z]  # (global batch, dim) each
        if self.method.contrast == "pooled":
            gate = pair_gate(self.gate, labels, partners)
            gates = None if gate is None else gate.repeat(views, 1)
            pool, own = torch.cat(keys), z.flatten(0, 1)
            anchors = labels.repeat(views), partners.repeat(views)
            return self.contrast(own, pool, gates, *anchors, everyone.repeat(views)), gate
        directions = [(0, 1), (1, 0)] if self.method.symmetric else [(0, 1)]
        losses = []
        for a, b in directions:
            gate = pair_gate(self.gate, labels, partners)
            losses.append(self.contrast(z[a], keys[b], gate, labels, partners, everyone))
        return torch.stack(losses).mean(), gate

    @torch.no_grad()
    def diagnose(
        self, loss: Tensor, z: Tensor, gate: Tensor | None, labels: Tensor, partners: Tensor
    ) -> None:
        """Logs the loss and, where metrics are written, the state of gates and embeddings."""
        if is_log_due(self):
            self.log("train/loss", loss, sync_dist=True)
            log_pairs(self, self.collapse, z[0], gate, labels, partners)
