"""SimCSE as a LightningModule: `training_step` is the paper's method."""

from contextlib import nullcontext
from typing import Any

from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.backbones.text_encoder import build_text_encoder, pool
from common.config.schema import OptimizerConfig
from common.data.text.batch import TextBatch, as_text_batch
from common.data.text.config import TextFacts
from common.errors import ConfigError
from common.losses.duplicates import token_keys
from common.methods.masked_words import MASKED_WORDS, MaskedWords, stages_of_contrast
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from common.training.stages import configure_stages, enter_stage
from papers.simcse.config import SimCSEConfig
from papers.simcse.loss import global_contrast, no_negatives

ADVICE = "Try a lower optimizer.lr or a larger data.batch_size"


class TanhHead(nn.Linear):
    """A linear layer and tanh, ``(..., dim)`` to the same shape; starts as BERT's layers do."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, dim)
        nn.init.normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Returns tanh of the linear layer's output."""
        return super().forward(x).tanh()


class SimCSE(PaperModule):
    """Contrast of a sentence with itself under another dropout mask, or of given pairs.

    Under several processes the negatives are those of the global batch (arXiv 2104.08821).

    Args:
        method: Default: the published code's, unsupervised.
        optimizer: Default: the published one of unsupervised BERT-base.
        facts: Facts of the data; default: BERT's vocabulary.
    """

    def __init__(
        self,
        method: SimCSEConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TextFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or SimCSEConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adamw", lr=3e-5, schedule="linear")
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or TextFacts()
        check_texts(config, facts)
        self.backbone = build_text_encoder(config.encoder, facts)
        dim = self.backbone.num_features
        self.head = TanhHead(dim) if config.has_head else nn.Identity()
        self.words = MaskedWords(dim, facts) if config.tells_words else None
        self.stages = stages_of_contrast(config, self.optimizer)
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``.

        Args:
            ids: Ids of tokens, ``(batch, tokens)``.
            mask: The same shape, true at tokens.
        """
        h = pool(self.method.pooler, self.backbone(ids, mask), mask)
        return self.head(h) if self.method.head_at_test else h

    def project(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns what is contrasted, ``(batch, num_features)``, of any norm."""
        return self.head(pool(self.method.pooler, self.backbone(ids, mask), mask))

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the contrast, or of the masked words before it."""
        batch = as_text_batch(batch)
        config, stage = self.method, enter_stage(self, self.stages)
        if stage.name == MASKED_WORDS:
            first = batch.ids[:, 0], batch.mask[:, 0]
            loss = self.tell_words(*first, config.pretrain_share, replaced=1.0)
            if is_log_due(self):
                self.log("train/loss", loss.detach(), sync_dist=True)
        else:
            z = self.views(batch)  # (views, batch, dim)
            keys = token_keys(batch.ids, batch.mask) if config.leave_out_duplicates else None
            loss = self.contrast(z, keys)
            if config.masked_weight:
                told = self.tell_words(*copies(batch), config.masked_share, replaced=0.8)
                loss = loss + config.masked_weight * told
            log_embeddings(self, loss, z[0].detach(), self.collapse)
        if is_log_due(self):
            self.log(f"train/{stage.name}_loss", loss.detach(), sync_dist=True)
        count_batch(self)
        return loss

    def views(self, batch: TextBatch) -> Tensor:
        """Returns embeddings ``(views, batch, dim)``: of a text twice, or of each given text.

        All pass the encoder together, so each has dropout masks of its own.
        """
        with evaluating(self.backbone) if self.method.views == "identical" else nullcontext():
            z = self.project(*copies(batch))
        return z.unflatten(0, (len(batch.ids), -1)).transpose(0, 1)

    def contrast(self, z: Tensor, keys: Tensor | None = None) -> Tensor:
        """Returns the loss of views ``(views, batch, dim)``, a scalar.

        Args:
            z: The views.
            keys: Of the texts, ``(batch, texts)``: equal ones are no negatives. Or None.
        """
        config = self.method
        if config.objective == "alignment":
            return no_negatives(z)
        return global_contrast(z, config.temperature, config.hard_weight, config.gradient, keys)

    def tell_words(self, ids: Tensor, mask: Tensor, share: float, replaced: float) -> Tensor:
        """Returns the cross-entropy of masked words, a scalar; see `MaskedWords.tell`."""
        assert self.words is not None  # made where the method tells words
        return self.words.tell(self.backbone, ids, mask, share, replaced, batches_seen(self))

    def configure_optimizers(self) -> Any:
        """AdamW, falling in a straight line over each stage, in the published code."""
        return configure_stages(self, self.stages, self.optimizer)


def copies(batch: TextBatch) -> tuple[Tensor, Tensor]:
    """Returns ids and mask of all texts by sample, ``(texts, tokens)``: a text alone stands twice.

    Words are masked in each copy by itself, as in ``cl_forward`` of the official models.py.
    """
    ids, mask = batch.ids, batch.mask
    if ids.shape[1] == 1:
        ids, mask = ids.expand(-1, 2, -1), mask.expand(-1, 2, -1)
    return ids.flatten(0, 1), mask.flatten(0, 1)


def check_texts(config: SimCSEConfig, facts: TextFacts) -> None:
    """Raises `ConfigError` for settings that need another number of texts a sample."""
    if facts.num_texts > 3:
        raise ConfigError(
            f"data.columns: SimCSE takes a text, a pair or a triplet, not {facts.num_texts} texts"
        )
    if config.hard_weight and facts.num_texts < 3:
        raise ConfigError(
            "method.hard_weight: weighs hard negatives, the third of data.columns; set it to 0"
        )
