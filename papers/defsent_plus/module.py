"""DefSent+ as a LightningModule: `training_step` is the paper's method."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.modes import evaluating
from common.backbones.text_encoder import build_text_encoder, pool
from common.config.schema import OptimizerConfig
from common.data.text.batch import TextBatch, as_text_batch
from common.data.text.config import TextFacts
from common.errors import DataError, UsageError, outline
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from common.training.stages import Stage, configure_stages, enter_stage
from papers.defsent_plus.config import DefSentPlusConfig
from papers.defsent_plus.entries import EntryMeans
from papers.defsent_plus.head import take_head
from papers.defsent_plus.isotropic import isotropic
from papers.defsent_plus.loss import entry_logits, predict_entry

ADVICE = "Try a lower optimizer.lr"


class DefSentPlus(PaperModule):
    """Definitions predict their entry; entries are means of definitions (arXiv 2405.16153).

    Args:
        method: Default: the published code's.
        optimizer: Default: the published one of SynCSE-RoBERTa-base.
        facts: Facts of the data; default: BERT's vocabulary and no entries, which cannot train.
    """

    entries: Tensor

    def __init__(
        self,
        method: DefSentPlusConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TextFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or DefSentPlusConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adamw", lr=1e-6, schedule="linear")
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or TextFacts()
        self.backbone = build_text_encoder(config.encoder, facts)
        checkpoints = config.encoder.checkpoint, config.head_checkpoint
        self.head = take_head(self.backbone, *checkpoints, config.activation)
        # Where each round starts anew, the first weights, which no optimizer is given.
        self.start = None
        if config.restart and config.rounds > 1:
            parts = nn.ModuleDict({"backbone": self.backbone, "head": self.head})
            self.start = copy.deepcopy(parts).requires_grad_(False)
        shape = facts.num_targets, self.backbone.num_features
        drawn = torch.randn(shape) if config.targets == "random" else torch.zeros(shape)
        self.register_buffer("entries", drawn)
        # The same in all processes: DDP would send them from the first one at every step.
        self._ddp_params_and_buffers_to_ignore = ["entries", "batches_seen"]
        self.stages = [self.round(number) for number in range(1, config.rounds + 1)]
        self.collapse = CollapseWarning(ADVICE)

    def round(self, number: int) -> Stage:
        """Returns the stage of round ``number``, from 1 on."""
        config = self.method
        lr = config.round_lrs[number - 1] if config.round_lrs else self.optimizer.lr
        epochs = None if number == config.rounds else config.round_epochs
        rates = replace(
            self.optimizer, lr=lr, final_lr=self.optimizer.final_lr * lr / self.optimizer.lr
        )
        begin = partial(self.begin_round, number)
        return Stage(name=f"round-{number}", epochs=epochs, rates=rates, begin=begin)

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the representation that is evaluated, ``(batch, num_features)``.

        Args:
            ids: Ids of tokens, ``(batch, tokens)``.
            mask: The same shape, true at tokens.
        """
        return pool(self.method.pooler, self.backbone(ids, mask), mask)

    def project(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns what predicts, ``(batch, num_features)``; the arguments are those of `embed`."""
        return self.head(self.embed(ids, mask))

    def score(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the logits of all entries, ``(batch, entries)``."""
        return entry_logits(self.project(ids, mask), self.entries)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of a round: each definition predicts its entry."""
        ids, mask, targets, _ = as_definitions(batch)
        enter_stage(self, self.stages)
        s = self.project(ids[:, 0], mask[:, 0])
        logits = entry_logits(s, self.entries)
        loss = predict_entry(logits, targets)
        log_embeddings(self, loss, s.detach(), self.collapse)
        if is_log_due(self):
            right = (logits.detach().argmax(1) == targets).float().mean()
            self.log("train/entry_top1", 100 * right, sync_dist=True)
        count_batch(self)
        return loss

    def begin_round(self, number: int) -> None:
        """Estimates entries with the encoder as it is, then starts anew from the first weights."""
        config = self.method
        if config.targets == "definitions":
            if self._trainer is not None:
                self.estimate(self.training_batches())
            elif not self.entries.any():
                raise UsageError(
                    "module.estimate: call it with batches of definitions first; there is no "
                    "Trainer that has them"
                )
        if config.space != "raw" and number >= config.space_from_round:
            self.entries.copy_(isotropic(self.entries, config.space, config.space_scale))
        if self.start is not None:
            for name, part in self.start.items():
                self.get_submodule(name).load_state_dict(part.state_dict())

    @torch.no_grad()
    def estimate(self, batches: Iterable[object]) -> None:
        """Sets each entry to the mean of its definitions in ``batches``, in evaluation mode.

        Raises:
            ConfigError: An entry without a definition.
        """
        found = EntryMeans(torch.zeros_like(self.entries))
        with evaluating(self):
            for batch in batches:
                ids, mask, targets, _ = as_definitions(batch)
                found.add(self.embed(ids[:, 0], mask[:, 0]), targets)
        self.entries.copy_(found.means())

    def configure_optimizers(self) -> Any:
        """AdamW, falling in a straight line over each round, in the published code."""
        made = configure_stages(self, self.stages, self.optimizer)
        for group in made["optimizer"].param_groups:
            group["eps"] = self.method.adam_eps
        return made


def as_definitions(batch: object) -> TextBatch:
    """Returns a batch of definitions with the number of each one's entry.

    Args:
        batch: A `TextBatch`, ``(ids, mask, entries)``, or a mapping with ``input_ids``,
            ``attention_mask`` and ``labels``.

    Raises:
        DataError: It is none of these, or has no entries.
    """
    entries = batch.get("labels") if isinstance(batch, Mapping) else None
    if isinstance(batch, list | tuple) and len(batch) == 3:
        ids, mask, entries = batch
        batch = ids, mask
    found = as_text_batch(batch)
    if isinstance(entries, Tensor):
        found = found._replace(targets=entries)
    if found.targets.is_floating_point() or bool((found.targets < 0).any()):
        raise DataError(
            f"{outline(batch)}: training_step takes the number of each definition's entry, too"
        )
    return found
