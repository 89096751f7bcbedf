"""DSE as a LightningModule: `training_step` is the paper's method."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from common.backbones.text_encoder import build_text_encoder, rate_of
from common.config.schema import OptimizerConfig
from common.data.text.batch import TextBatch
from common.data.text.config import TextFacts
from common.data.text.module import TextBatches
from common.errors import ConfigError, DataError
from common.losses.precision import upcast
from common.training.diagnostics import CollapseWarning, is_log_due, log_embeddings
from common.training.paper_module import PaperModule
from common.training.position import count_batch
from common.training.stages import Stage, configure_stages, enter_stage
from papers.dse.bert_adam import configure_bert_adam
from papers.dse.config import DSEConfig
from papers.dse.head import PairHead, pool_top
from papers.dse.loss import as_students, dse_loss, task_loss
from papers.dse.pairs import as_pair_batch, read_logits
from papers.dse.teacher import Teacher

ADVICE = "Try a lower optimizer.lr"
TEACHER, DISTILLATION = "teacher", "distillation"


class DSE(PaperModule):
    """Scores pairs of texts that are embedded one by one, as a cross-encoder taught it.

    Args:
        method: Default: the published code's (arXiv 1908.05161), with BERT-base's sizes.
        optimizer: Default: the published one.
        facts: Facts of the data; default: BERT's vocabulary.
    """

    def __init__(
        self,
        method: DSEConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: TextFacts | None = None,
    ) -> None:
        super().__init__()
        self.method = config = method or DSEConfig()
        self.optimizer = optimizer or OptimizerConfig(name="adamw", lr=2e-5, weight_decay=0.01)
        self.keep_settings(self.method, self.optimizer, facts)
        facts = facts or TextFacts(num_texts=2)
        check_pairs(config, facts)
        self.backbone = build_text_encoder(config.encoder, facts)
        layers, dim = len(self.backbone.encoder["layer"]), self.backbone.num_features  # type: ignore[arg-type]
        if config.num_top > layers:
            raise ConfigError(f"method.num_top={config.num_top}: the encoder has {layers} layers")
        width = dim * (config.num_top if config.pooler.startswith("concat") else 1)
        self.dropout = nn.Dropout(rate_of(self.backbone.config))
        self.head = PairHead(width, config.features, config.fc_dims)
        self.teacher = self._make_teacher(facts) if config.trains_teacher else None
        self.stages = self._make_stages()
        self.collapse = CollapseWarning(ADVICE)
        self._logits: Tensor | None = None  # a file's, read when they are first asked for

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the vector of each text, ``(batch, features)``.

        Args:
            ids: Ids of tokens, ``(batch, tokens)``.
            mask: The same shape, true at tokens.
        """
        layers = self.backbone(ids, mask)[1:]
        pooled = pool_top(self.method.pooler, layers, mask, self.method.num_top)
        return self.dropout(pooled)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step of the student, or of its teacher before it."""
        batch = as_pair_batch(batch)
        config, stage = self.method, enter_stage(self, self.stages)
        if stage.name == TEACHER:
            loss = self.teach(batch)
            if is_log_due(self):
                self.log("train/loss", loss.detach(), sync_dist=True)
        else:
            u, v = self.views(batch)
            logits, labels = self.head(u, v), self.labels(batch.targets)
            told = self.teacher_logits(batch) if config.distils else None
            loss = dse_loss(config.task, logits, labels, told, config.distillation_weight)
            log_embeddings(self, loss, u.detach(), self.collapse)
        if is_log_due(self):
            self.log(f"train/{stage.name}_loss", loss.detach(), sync_dist=True)
        count_batch(self)
        return loss

    def views(self, batch: TextBatch) -> Tensor:
        """Returns the vectors of first and second texts, ``(2, batch, features)``."""
        h = self.embed(batch.ids.flatten(0, 1), batch.mask.flatten(0, 1))
        return h.unflatten(0, (len(batch.ids), -1)).transpose(0, 1)

    def labels(self, targets: Tensor) -> Tensor:
        """Returns what the task's loss takes of the data's ``targets (batch,)``."""
        return targets > self.method.threshold if self.method.task == "binary" else targets

    def teach(self, batch: TextBatch) -> Tensor:
        """Returns the teacher's own loss, a scalar; a binary task has two classes for it."""
        assert self.teacher is not None  # made where it is trained
        logits = self.teacher(batch.ids, batch.mask)
        task = "multi-class" if self.method.task == "binary" else self.method.task
        with torch.autocast(logits.device.type, enabled=False):
            return task_loss(task, upcast(logits), self.labels(batch.targets))

    def ask_teacher(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the teacher's logits of pairs ``(batch, 2, tokens)``, in the student's form."""
        assert self.teacher is not None  # made where it is trained
        return as_students(self.method.task, self.teacher.tell(ids, mask))

    def teacher_logits(self, batch: TextBatch) -> Tensor:
        """Returns what the student is to come near to, ``(batch, outputs)``."""
        config = self.method
        if config.teacher == "trained":
            return self.ask_teacher(batch.ids, batch.mask)
        rows, targets = batch.key.rows, batch.targets
        if config.misaligned:  # as if the logits stood in reverse
            samples = self._samples()
            rows = len(samples) - 1 - rows
            targets = samples.targets[rows]
        if config.teacher == "ideal":
            return config.ideal_scale * (targets.to(self.device) - config.threshold)[:, None]
        return self._read_logits()[rows].to(self.device)

    def _read_logits(self) -> Tensor:
        """Returns the file's logits of all training pairs; reads them once."""
        if self._logits is None:
            assert self.method.logits is not None  # checked with the recipe
            logits, pairs = read_logits(self.method.logits, self.method.outputs), self._samples()
            if len(logits) != len(pairs):
                raise DataError(
                    f"{self.method.logits}: has {len(logits)} rows, and there are {len(pairs)} "
                    "training pairs"
                )
            self._logits = logits
        return self._logits

    def _samples(self) -> TextBatches:
        """Returns all training pairs, whose numbers a batch tells."""
        loader: Any = self._trainer and self._trainer.train_dataloader
        samples = getattr(loader, "dataset", None)
        if not isinstance(samples, TextBatches):
            raise DataError(
                f"method.teacher={self.method.teacher}: needs pairs with numbers, which TextData "
                "gives and a loader of your own does not"
            )
        return samples

    def configure_optimizers(self) -> Any:
        """BERT's Adam and its schedule over each stage, in the published code."""
        if self.method.bert_adam:
            return configure_bert_adam(self, self.stages, self.optimizer, self.method)
        return configure_stages(self, self.stages, self.optimizer)

    def _make_teacher(self, facts: TextFacts) -> Teacher:
        encoder = deepcopy(self.backbone)
        longest = min(self.method.teacher_length, encoder.num_positions)
        outputs = 2 if self.method.task == "binary" else self.method.outputs
        return Teacher(encoder, outputs, facts.special, longest)

    def _make_stages(self) -> list[Stage]:
        student = Stage(name=DISTILLATION, rates=self.optimizer)
        if self.teacher is None:
            return [student]
        config = self.optimizer
        lr = self.method.teacher_lr
        rates = replace(config, lr=lr, final_lr=config.final_lr * lr / config.lr)
        epochs = self.method.teacher_epochs
        teacher = Stage(name=TEACHER, epochs=epochs, rates=rates, frozen=("backbone", "head"))
        return [teacher, replace(student, frozen=("teacher",))]


def check_pairs(config: DSEConfig, facts: TextFacts) -> None:
    """Raises `ConfigError` for samples that are no pairs, and for a head of another task."""
    config.check_head()
    if facts.num_texts != 2:
        raise ConfigError(
            f"data.columns: DSE takes pairs, and a sample has {facts.num_texts} text(s); "
            "data.name=pairs reads some"
        )
    classes = config.outputs if config.task == "multi-class" else 0
    if facts.num_targets not in (0, classes):
        raise ConfigError(
            f"data.classes: {facts.num_targets} classes need method.task=multi-class and "
            f"method.fc_dims=[512,{facts.num_targets}]"
        )
