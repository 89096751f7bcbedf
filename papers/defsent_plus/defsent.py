"""DefSent, the predecessor, as a LightningModule: a definition predicts the word it defines."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.checkpoint_folder import WEIGHTS, find_folder, read_weights
from common.backbones.text_encoder import KEY, build_text_encoder, encoder_arrays, pool
from common.config.schema import OptimizerConfig
from common.data.text.config import TextFacts
from common.distributed.collectives import all_reduce_sum, world_size
from common.errors import ConfigError, DataError
from common.losses.precision import upcast
from common.optim.build import build_optimizer, training_length, with_schedule
from common.optim.schedules import TableLR
from common.training.diagnostics import CollapseWarning, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import batches_seen, count_batch
from papers.defsent_plus.config import DefSentConfig
from papers.defsent_plus.module import ADVICE, as_definitions

# The target of a definition whose entry is no single token: it has no loss.
UNKNOWN = -100
# For a checkpoint's head: BERT's and RoBERTa's names of our parts, without the shared embeddings.
NAMES = (
    {
        "dense": "cls.predictions.transform.dense",
        "norm": "cls.predictions.transform.LayerNorm",
        "decoder.bias": "cls.predictions.bias",
    },
    {"dense": "lm_head.dense", "norm": "lm_head.layer_norm", "decoder.bias": "lm_head.bias"},
)


class WordHead(nn.Module):
    """A language model's head: dense, GELU, a norm, and scores of all words."""

    def __init__(self, dim: int, num_words: int, norm_eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.decoder = nn.Linear(dim, num_words)

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits ``(batch, words)`` of ``x (batch, dim)``."""
        return self.decoder(self.norm(F.gelu(self.dense(x))))


class DefSent(PaperModule):
    """Definitions of single words predict them by the frozen head (arXiv 2105.04339).

    The layer of embeddings is frozen, too: of words, positions and types, and its norm.
    The words that entries are, are read from the data module when a fit begins.

    Args:
        method: Default: the published code's.
        optimizer: Default: the published one of BERT-base with the first token's state.
        facts: Facts of the data; default: BERT's vocabulary and no entries, which cannot train.
    """

    words: Tensor

    def __init__(
        self,
        method: DefSentConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TextFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or DefSentConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adam", lr=5.66e-6)
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or TextFacts()
        self.backbone = build_text_encoder(config.encoder, facts)
        self.backbone.pooler = None
        table = self.backbone.embeddings.requires_grad_(False).word_embeddings.weight
        eps = self.backbone.config.norm_eps
        self.head = WordHead(table.shape[1], table.shape[0], eps).requires_grad_(False)
        self.head.decoder.weight.data.copy_(table)
        if config.encoder.checkpoint is not None:
            fill_head(self.head, config.encoder.checkpoint)
        self.register_buffer("words", torch.full((facts.num_targets,), UNKNOWN))
        self.collapse = CollapseWarning(ADVICE)

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``.

        Args:
            ids: Ids of tokens, ``(batch, tokens)``.
            mask: The same shape, true at tokens.
        """
        hidden = self.backbone(ids, mask)
        if self.method.pooler == "max":
            return hidden[-1].masked_fill(~mask.bool()[..., None], -torch.inf).amax(1)
        return pool(self.method.pooler, hidden, mask)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """Each definition of a single word predicts it; a batch without one has the loss 0."""
        ids, mask, targets, _ = as_definitions(batch)
        h = self.embed(ids[:, 0], mask[:, 0])
        loss = predict_word(self.head, h, self.words[targets])
        log_embeddings(self, loss, h.detach(), self.collapse)
        count_batch(self)
        return loss

    def configure_optimizers(self) -> Any:
        """Adam with a warm-up over a share of all updates, in the published code."""
        optimizer = build_optimizer(self.parameters(), self.optimizer)
        steps, epochs = training_length(self.trainer)
        rates = warmup_rates(self.optimizer.lr, steps * epochs, self.method.warmup_share)
        return with_schedule(optimizer, TableLR(optimizer, rates, self.optimizer.lr))

    def on_fit_start(self) -> None:
        """Reads which entries are single tokens; raises `ConfigError` where none is."""
        if batches_seen(self):
            return
        data: Any = getattr(self.trainer, "datamodule", None)
        if data is None:
            raise ConfigError("trainer: DefSent reads the words of entries from TextData; give it")
        pieces = data.tokenizer.pieces(list(data.set.names))
        unknown = data.tokenizer.special.unknown
        single = [each[0] if len(each) == 1 and each[0] != unknown else UNKNOWN for each in pieces]
        if set(single) <= {UNKNOWN}:
            raise ConfigError("data: no entry is a single token, which DefSent predicts")
        self.words.copy_(torch.tensor(single))


def predict_word(head: WordHead, h: Tensor, words: Tensor) -> Tensor:
    """Returns the mean cross-entropy of known words, over those of all processes' batches.

    Args:
        head: Frozen.
        h: Definitions, ``(batch, dim)``.
        words: Numbers of tokens, ``(batch,)``, or `UNKNOWN`.
    """
    count = all_reduce_sum((words != UNKNOWN).sum()).clamp(min=1) / world_size()
    with torch.autocast(h.device.type, enabled=False):
        logits = head(upcast(h))
        return F.cross_entropy(logits, words, ignore_index=UNKNOWN, reduction="sum") / count


def warmup_rates(lr: float, steps: int, share: float) -> np.ndarray:
    """Returns the rates of updates 0 to ``steps``: a rise over ``share`` of them, then ``lr``.

    The length of the rise is not rounded, as in DefSent's code.
    """
    rise = share * steps
    done = np.arange(steps + 1)
    return lr * np.where(done < rise, done / max(rise, 1e-12), 1.0)


def fill_head(head: WordHead, checkpoint: str) -> None:
    """Fills the head from a checkpoint's language model; the decoder's weight stays.

    Raises:
        DataError: The checkpoint has no such head.
    """
    path = find_folder(checkpoint, KEY) / WEIGHTS
    arrays = encoder_arrays(read_weights(path))
    for names in NAMES:
        wanted = {
            own: names[own] if own in names else names[own.split(".")[0]] + "." + own.split(".")[1]
            for own in head.state_dict()
            if own != "decoder.weight"
        }
        if all(name in arrays for name in wanted.values()):
            found = {own: arrays[name] for own, name in wanted.items()}
            head.load_state_dict({**found, "decoder.weight": head.decoder.weight})
            return
    raise DataError(f"{path}: holds no head of a language model, which DefSent predicts words by")
