"""MCLRec as a LightningModule: three alternating updates in each batch."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from common.backbones.modes import frozen
from common.config.schema import OptimizerConfig
from common.data.sequences.config import SequenceFacts
from common.data.sequences.module import SequenceBatch, as_sequence_batch
from common.distributed.collectives import gather_with_grad, rank
from common.errors import ConfigError
from common.optim.build import build_optimizer
from common.optim.manual import descend
from common.training.diagnostics import is_log_due
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from papers.mclrec.backbone import ModelAugmenter, SequenceTransformer
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.loss import REGULARISERS, PairScores, contrast, pair_scores

PAPERS_SCHEMES = ("two-stage", "two-loop")
# Columns of the stacked vectors of both views.
H1, H2, Z1, Z2 = range(4)


class Terms(NamedTuple):
    """The unweighted parts of a loss; scalars."""

    contrast: Tensor
    augmented_contrast: Tensor
    regulariser: Tensor


class MCLRec(PaperModule):
    """SASRec with contrast of stochastic views and of views made by learned augmenters.

    Several processes: the contrast is over the global batch, gathered with gradient; all losses
    are means over the rows here, whose average over processes is the global loss.
    """

    def __init__(
        self,
        method: MCLRecConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: SequenceFacts | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.method = method or MCLRecConfig()
        # Paper 4.1.4: Adam with 1e-3 for both optimizers.
        self.optimizer = optimizer or OptimizerConfig(name="adam", lr=1e-3)
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or SequenceFacts()
        if self.method.dim % self.method.num_heads:
            raise ConfigError(
                f"method.num_heads: {self.method.num_heads} does not divide "
                f"method.dim={self.method.dim}"
            )
        self.encoder = SequenceTransformer(
            facts.num_items,
            facts.max_length,
            self.method.dim,
            self.method.num_layers,
            self.method.num_heads,
            self.method.inner_dim,
            self.method.dropout,
            self.method.init_std,
            self.method.layer_norm_eps,
        )
        sizes = (self.method.dim, self.method.unit_length)
        first = ModelAugmenter(*sizes)
        second = first if self.method.shared_augmenter else ModelAugmenter(*sizes)
        self.augmenters = nn.ModuleList([first, second])

    def embed(self, items: Tensor, lengths: Tensor) -> Tensor:
        """Returns h ``(batch, dim)`` of right-padded ``items (batch, length)``."""
        return self.encoder(items, lengths)

    @property
    def backbone(self) -> SequenceTransformer:
        """The encoder, which is what an export writes."""
        return self.encoder

    def item_table(self) -> Tensor:
        """Returns the vectors that score the next item, ``(num_items + 1, dim)``."""
        return self.encoder.item_table()

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One batch: the updates of the chosen scheme, all on the same views."""
        batch = as_sequence_batch(batch, self)
        optimizers: Any = self.optimizers()
        if self.method.scheme == "joint":
            loss = self.update_jointly(batch, optimizers)
        elif self.method.scheme == "two-loop":
            updates = (self.update_encoder, self.update_augmenters)
            turn = batch.position[0] % 2  # the epoch's
            loss = updates[turn](batch, optimizers[turn])
        else:
            loss = self.update_encoder(batch, optimizers[0])
            loss = loss + self.update_augmenters(batch, optimizers[1])
            if self.method.scheme == "three-step":
                loss = loss + self.update_encoder(batch, optimizers[0])
        # The official code reports the sum over the updates of a batch.
        if is_log_due(self):
            self.log("train/loss", loss, batch_size=len(batch.items), sync_dist=True)
        count_batch(self)
        return loss

    def configure_optimizers(self) -> list[Optimizer]:
        """Returns one optimizer for the encoder and one for the augmenters, or one for both."""
        if self.method.scheme == "joint":
            return [build_optimizer(self.parameters(), self.optimizer)]
        parts = (self.encoder, self.augmenters)
        return [build_optimizer(part.parameters(), self.optimizer) for part in parts]

    def update_encoder(self, batch: SequenceBatch, optimizer: Optimizer) -> Tensor:
        """Steps 1 and 3: the encoder learns; gradient passes through the frozen augmenters."""
        with frozen(self.augmenters):
            return descend(self, self.encoder_loss(batch), optimizer)

    def update_augmenters(self, batch: SequenceBatch, optimizer: Optimizer) -> Tensor:
        """Step 2: the augmenters learn from the encoder as it now stands.

        The encoder runs without gradient: the official code computes its gradients and throws
        them away. The contrast of h1 and h2 has no gradient here; it is part of the value that
        the official code reports.
        """
        method = self.method
        with torch.no_grad():
            h1, h2 = self._encode(batch.views.flatten(0, 1), batch.view_lengths.flatten(), 2)
        terms = self._terms(h1, h2)
        # Paper: gamma = 0.1 beta in both stages. Code: 0.1 here.
        form = method.augmenter_regulariser
        is_papers = form == "paper" or (form == "by-scheme" and method.scheme in PAPERS_SCHEMES)
        scale = method.augmented_weight if is_papers else 1.0
        regulariser = scale * method.regulariser_weight * terms.regulariser
        loss = method.contrast_weight * terms.contrast + terms.augmented_contrast + regulariser
        return descend(self, loss, optimizer)

    def update_jointly(self, batch: SequenceBatch, optimizer: Optimizer) -> Tensor:
        """MCLRec-J: one update of encoder and augmenters on the loss of step 1."""
        return descend(self, self.encoder_loss(batch), optimizer)

    def encoder_loss(self, batch: SequenceBatch) -> Tensor:
        """L_rec + lambda L_cl1 + beta (L_cl2 + 0.1 R), a scalar."""
        method = self.method
        if method.contrast_weight == 0 and method.augmented_weight == 0:
            (h,) = self._encode(batch.items, batch.lengths, 1)
            return self.recommendation_loss(h, batch.targets)
        items = torch.cat((batch.items, batch.views.flatten(0, 1)))
        lengths = torch.cat((batch.lengths, batch.view_lengths.flatten()))
        h, h1, h2 = self._encode(items, lengths, 3)
        loss = self.recommendation_loss(h, batch.targets)
        if method.augmented_weight == 0:
            # CL4SRec: nothing of the learned views is computed.
            return loss + method.contrast_weight * self._view_contrast(torch.stack((h1, h2), dim=1))
        terms = self._terms(h1, h2)
        augmented = terms.augmented_contrast + method.regulariser_weight * terms.regulariser
        loss = loss + method.contrast_weight * terms.contrast
        return loss + method.augmented_weight * augmented

    def recommendation_loss(self, h: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of the next item among all, the padding item included (as the code)."""
        return F.cross_entropy(h @ self.item_table().T, targets)

    def _encode(self, items: Tensor, lengths: Tensor, parts: int) -> Tensor:
        """Encodes ``parts`` stacked batches in one pass; returns ``(parts, batch, dim)``."""
        h = self.encoder(items, lengths, self.method.length_groups)
        return h.unflatten(0, (parts, -1))

    def _terms(self, h1: Tensor, h2: Tensor) -> Terms:
        z1, z2 = self.augmenters[0](h1), self.augmenters[1](h2)
        own = torch.stack((h1, h2, z1, z2), dim=1)
        everybody = gather_with_grad(own)
        pairs = [self._pair(own, everybody, *names) for names in ((Z1, Z2), (H1, Z2), (H2, Z1))]
        return Terms(
            self._view_contrast(own, everybody),
            self._directions * torch.stack([contrast(pair) for pair in pairs]).sum(),
            self._regulariser(pairs, everybody),
        )

    def _view_contrast(self, own: Tensor, everybody: Tensor | None = None) -> Tensor:
        """L_cl1 of the first two of the stacked vectors, ``(batch, 2 or more, dim)``."""
        everybody = gather_with_grad(own) if everybody is None else everybody
        return self._directions * contrast(self._pair(own, everybody, H1, H2))

    @property
    def _directions(self) -> float:
        return 2.0 if self.method.directions == "sum" else 1.0

    def _pair(self, own: Tensor, everybody: Tensor, first: int, second: int) -> PairScores:
        offset = rank() * len(own) if len(everybody) > len(own) else 0
        return pair_scores(
            own[:, first],
            own[:, second],
            everybody[:, first],
            everybody[:, second],
            offset,
            self.method.similarity,
            self.method.temperature,
        )

    def _regulariser(self, pairs: list[PairScores], everybody: Tensor) -> Tensor:
        form = REGULARISERS[self.method.regulariser]
        if self.method.regulariser == "global":
            return form(self._pair(everybody, everybody, Z1, Z2))
        return torch.stack([form(pair) for pair in pairs]).sum()
