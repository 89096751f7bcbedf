"""WhitenedCSE as a LightningModule: `training_step` is the paper's method."""

from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.text_encoder import Pooler, build_text_encoder, pool
from common.config.schema import OptimizerConfig
from common.data.text.batch import TextBatch, as_text_batch
from common.data.text.config import TextFacts
from common.distributed.collectives import world_size
from common.distributed.device import WHOLE_NUMBER
from common.distributed.draws import keyed_generator
from common.errors import ConfigError
from common.losses.duplicates import token_keys
from common.methods.masked_words import MASKED_WORDS, MaskedWords, stages_of_contrast
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from common.training.stages import configure_stages, enter_stage
from papers.whitenedcse.config import WhitenedCSEConfig
from papers.whitenedcse.loss import multi_positive, no_negatives
from papers.whitenedcse.whitening import whiten_views

ADVICE = "Try a lower optimizer.lr or a larger data.batch_size"
# As BERT's layers start.
HEAD_STD = 0.02


class WhitenedCSE(PaperModule):
    """Contrast of a sentence with several dropout views of it, whitened in shuffled groups.

    Under several processes statistics and negatives are those of the global batch (arXiv
    2305.17746). Evaluation sees neither whitening nor head.

    Args:
        method: Default: the published code's.
        optimizer: Default: the published one of BERT-base.
        facts: Facts of the data; default: BERT's vocabulary.
    """

    shuffle_seed: Tensor

    def __init__(
        self,
        method: WhitenedCSEConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TextFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or WhitenedCSEConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adamw", lr=1e-5, schedule="linear")
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or TextFacts()
        check_one_text("data.columns", facts.num_texts)
        self.backbone = build_text_encoder(config.encoder, facts)
        dim = self.backbone.num_features
        config.check_groups(dim)
        self.head = Pooler(dim)
        nn.init.normal_(self.head.dense.weight, std=HEAD_STD)
        nn.init.zeros_(self.head.dense.bias)
        self.words = MaskedWords(dim, facts) if config.pretrain_epochs else None
        self.stages = stages_of_contrast(config, self.optimizer)
        # With the position, the seed of the permutations.
        self.register_buffer("shuffle_seed", torch.randint(2**40, ()))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``.

        Args:
            ids: Ids of tokens, ``(batch, tokens)``.
            mask: The same shape, true at tokens.
        """
        return pool(self.method.pooler, self.backbone(ids, mask), mask)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the contrast, or of the masked words before it."""
        batch = as_text_batch(batch)
        check_one_text("training_step", batch.ids.shape[1])
        stage = enter_stage(self, self.stages)
        if stage.name == MASKED_WORDS:
            loss = self.tell_words(batch)
            if is_log_due(self):
                self.log("train/loss", loss.detach(), sync_dist=True)
        else:
            z = self.views(batch)
            keys = token_keys(batch.ids, batch.mask) if self.method.leave_out_duplicates else None
            loss = self.contrast(z, keys)
            log_embeddings(self, loss, z[0].detach(), self.collapse)
        if is_log_due(self):
            self.log(f"train/{stage.name}_loss", loss.detach(), sync_dist=True)
        count_batch(self)
        return loss

    def views(self, batch: TextBatch) -> Tensor:
        """Returns what is contrasted, ``(views, batch, num_features)``, of any norm.

        All views pass the encoder together, so each has dropout masks of its own.
        """
        views = self.method.num_views
        ids, mask = (part.expand(-1, views, -1).flatten(0, 1) for part in batch[:2])
        z = self.head(self.whiten(self.embed(ids, mask)))
        return z.unflatten(0, (-1, views)).transpose(0, 1)

    def whiten(self, h: Tensor) -> Tensor:
        """Returns ``h (batch * views, num_features)`` whitened, rows in their places."""
        config = self.method
        if config.whitening == "none":
            return h
        by_view = config.layout == "view"
        sync = config.sync_whitening and by_view
        rows = len(h) // config.num_views * (world_size() if sync else 1)
        config.check_groups(h.shape[1], rows)
        permutations = [each.to(h.device) for each in self.permutations(h.shape[1])]
        how = {"groups": config.groups, "kind": config.whitening, "eps": config.eps, "sync": sync}
        return whiten_views(h, permutations, config.layout, **how)

    def permutations(self, dim: int) -> list[Tensor]:
        """Returns a permutation of ``dim`` channels for each view: a function of the position."""
        if not self.method.shuffle:
            return [torch.arange(dim)] * self.method.num_views
        generator = keyed_generator(WHOLE_NUMBER.get(self.shuffle_seed), batches_seen(self))
        return [torch.randperm(dim, generator=generator) for _ in range(self.method.num_views)]

    def contrast(self, z: Tensor, keys: Tensor | None = None) -> Tensor:
        """Returns the loss of views ``(views, batch, num_features)``, a scalar.

        Args:
            z: The views.
            keys: Of the sentences, ``(batch, 1)``: equal ones are no negatives. Or None.
        """
        if self.method.objective == "alignment":
            return no_negatives(z)
        return multi_positive(z, self.method.temperature, keys)

    def tell_words(self, batch: TextBatch) -> Tensor:
        """Returns the cross-entropy of masked words, a scalar."""
        assert self.words is not None  # made where there is a stage of masked words
        share = self.method.pretrain_share
        ids, mask = batch.ids[:, 0], batch.mask[:, 0]
        return self.words.tell(self.backbone, ids, mask, share, 1.0, batches_seen(self))

    def configure_optimizers(self) -> Any:
        """AdamW, falling in a straight line over each stage, in the published code."""
        return configure_stages(self, self.stages, self.optimizer)


def check_one_text(place: str, num_texts: int) -> None:
    """Raises `ConfigError` for samples of several texts, naming ``place``."""
    if num_texts != 1:
        raise ConfigError(
            f"{place}: WhitenedCSE takes one text a sample, not {num_texts}; data.apart=true sets "
            "each text apart"
        )
