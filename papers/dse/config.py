"""The ``method:`` section of DSE and the settings of its protocol. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any

from common.backbones.text_config import EncoderConfig
from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig, require_part
from common.settings import setting

POOLERS = tuple(
    f"{layers}_top_{tokens}{cls}"
    for layers in ("concat", "mean")
    for tokens in ("mean", "sqrt_mean", "max")
    for cls in ("", "_with_cls")
)


LARGEST = 1e6  # of a score


@dataclass
class DSEConfig:
    """Section 3 of the paper, and the published code at commit 7e3e87b (``dse``, "code")."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    # Code: the default pooler, and of how many layers, the last ones.
    pooler: str = setting("concat_top_mean", choices=POOLERS)
    num_top: int = setting(4, at_least=1)
    # What the head reads of both vectors: [u, v, u*v, |u-v|], or their dot product.
    features: str = setting("concat", choices=("concat", "dot"))
    # Code: --fc_dims. The last one is the number of outputs: 1, or that of the classes. None at
    # all leaves the dot product as the logit.
    fc_dims: list[int] = setting([512, 1], at_least=1)
    task: str = setting("binary", choices=("binary", "multi-class", "regression"))
    # For a binary task: a pair is positive if its score is above it.
    threshold: float = setting(0.5, at_least=-LARGEST, at_most=LARGEST)
    # Code: distillation_coeff. The task's own loss weighs one minus this.
    distillation_weight: float = setting(0.5, at_least=0, at_most=1)
    # "trained": a cross-encoder learns the task in a first stage. "logits": those of a file.
    # "ideal": it knows the score of each pair; not in the paper, for small experiments.
    teacher: str = setting("trained", choices=("trained", "logits", "ideal"))
    # A .npy of (training pairs, outputs), in the order of the pairs.
    logits: str | None = setting(None, names_file=True)
    # The ideal logit is as many times the distance of the score from the threshold.
    ideal_scale: float = setting(10.0, above=0)
    # An ablation: each pair has the logits of another one, as if a file were in another order.
    misaligned: bool = False
    # Code: defaults of finetune_bert.py.
    teacher_epochs: int = setting(3, at_least=1)
    teacher_lr: float = setting(2e-5, above=0)
    # Tokens of a pair that the teacher reads as one text; code: --max_seq_length.
    teacher_length: int = setting(128, at_least=5)
    # Adam of the published BERT code, in place of PyTorch's: no bias correction, the gradient of
    # each tensor is clipped by itself, and the schedule below.
    bert_adam: bool = True
    # Share of the schedule in which the rate rises.
    warmup: float = setting(0.1, above=0, below=1)
    # What the length of the student's schedule counts. The code counts batches, while a position
    # counts updates: where two batches make an update, the warm-up lasts twice as long, and the
    # last rate is about .556 of the highest. With "updates" it falls to about 0, as the teacher's.
    schedule_total: str = setting("batches", choices=("batches", "updates"))

    @property
    def distils(self) -> bool:
        """Whether the loss has a distillation term."""
        return self.distillation_weight > 0

    @property
    def trains_teacher(self) -> bool:
        """Whether the training begins with a stage for the teacher."""
        return self.distils and self.teacher == "trained"

    @property
    def outputs(self) -> int:
        """How many logits a pair has."""
        return self.fc_dims[-1] if self.fc_dims else 1

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what does not go together."""
        self.check_head()
        self._check_teacher(recipe.trainer.epochs)
        self._check_rates(recipe.optimizer)

    def check_head(self) -> None:
        """Raises `ConfigError` for a head that has other outputs than the task."""
        if not self.fc_dims and self.features == "concat":
            raise ConfigError(
                "method.fc_dims: [] leaves no layer; method.features=concat needs one"
            )
        if (self.outputs > 1) != (self.task == "multi-class"):
            raise ConfigError(
                f"method.fc_dims={self.fc_dims}: the last is the number of classes of "
                "method.task=multi-class, else 1"
            )

    def _check_teacher(self, epochs: int) -> None:
        if (self.logits is not None) != (self.teacher == "logits"):
            raise ConfigError("method.logits: names the file of method.teacher=logits, no other's")
        if self.teacher == "ideal" and self.task != "binary":
            raise ConfigError(f"method.teacher=ideal: is for binary tasks, not {self.task}")
        if self.misaligned and (self.teacher == "trained" or not self.distils):
            raise ConfigError("method.misaligned: needs method.teacher=ideal or logits")
        if self.trains_teacher and 0 < epochs <= self.teacher_epochs:
            raise ConfigError(
                f"trainer.epochs={epochs}: method.teacher_epochs={self.teacher_epochs} leave none "
                "for the student"
            )

    def _check_rates(self, optimizer: Any) -> None:
        if not self.bert_adam:
            return
        mend = "or set method.bert_adam=false"
        if optimizer.name != "adamw":
            raise ConfigError(f"optimizer.name={optimizer.name}: set it to adamw, {mend}")
        for key, unset in (("schedule", "constant"), ("warmup_epochs", 0), ("clip_norm", None)):
            if getattr(optimizer, key) != unset:
                raise ConfigError(
                    f"optimizer.{key}: method.bert_adam has its own; take this out, {mend}"
                )


@dataclass
class PairTaskConfig(ProtocolConfig):
    """Protocol ``pair-task``: what the head says of held-out pairs."""

    # For a binary task: the one with the best F1 counts.
    thresholds: list[float] = setting([0.5], above=0, below=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where there are no pairs with scores."""
        require_part(inputs.graded, "pair-task", "pairs with scores (data.graded=FILE.csv)")
