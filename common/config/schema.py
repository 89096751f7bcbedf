"""The sections of a recipe that all papers share; their defaults are part of a number.

No torch is imported here.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from common.evaluation.config import EvaluationConfig, evaluation_schema
from common.paper import Paper, get_paper
from common.settings import collect_changes, setting

STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true", "fsdp")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
HASHED_SECTIONS = ("data", "method", "optimizer", "evaluation")
LARGEST = 1e30  # float32 ends at 3.4e38, and Adam divides its first rates by 1 - beta1


@dataclass
class OptimizerConfig:
    """The ``optimizer:`` section; the learning rate is for the global batch as it stands."""

    name: str = setting("sgd", choices=("sgd", "adam", "adamw", "lars", "larc"))
    lr: float = setting(0.1, above=0, at_most=LARGEST)
    weight_decay: float = setting(0.0, at_least=0, at_most=LARGEST)
    momentum: float = setting(0.9, at_least=0, below=1)
    nesterov: bool = False
    beta1: float = setting(0.9, at_least=0, below=1)
    beta2: float = setting(0.999, at_least=0, below=1)
    schedule: str = setting("constant", choices=("constant", "cosine", "linear", "steps"))
    final_lr: float = setting(0.0, at_least=0, at_most=LARGEST)
    warmup_epochs: int = setting(0, at_least=0)
    warmup_start_lr: float = setting(0.0, at_least=0, at_most=LARGEST)
    peak_once: bool = False  # The cosine's first rate is not the warm-up's last one, too.
    # For schedule steps: after so many epochs, and again, the rate times the factor.
    step_epochs: int = setting(10, at_least=1)
    step_factor: float = setting(0.2, above=0)
    trust_coefficient: float = setting(0.001, above=0)
    # LARC and LARS add it to the ratio's denominator (PixPro's code; MoCo v3's adds nothing).
    trust_eps: float = setting(1e-8, at_least=0)
    clip: bool = False
    exclude_1d: bool = False
    clip_norm: float | None = setting(None, above=0)  # of all gradients together; null: none


@dataclass
class TrainerConfig:
    """The ``trainer:`` section; what is not ours goes to Lightning unchanged."""

    epochs: int = setting(1, at_least=0)
    # Stops after this many batches even within an epoch; null for whole epochs.
    batches: int | None = setting(None, at_least=0)
    accelerator: str = setting("auto", choices=ACCELERATORS, result_neutral=True)
    devices: int | str = setting(1, result_neutral=True)
    nodes: int = setting(1, at_least=1, result_neutral=True)
    strategy: str = setting("auto", choices=STRATEGIES, result_neutral=True)
    precision: str = setting("32-true", choices=("32-true", "16-mixed", "bf16-mixed"))
    compile: bool = setting(False, result_neutral=True)
    channels_last: bool = setting(False, result_neutral=True)  # for a backbone of convolutions
    accumulate: int = setting(1, at_least=1)
    # The backbone encodes so many samples at a time, each view counted; or auto. Exact: no
    # hash has it, but for parts with batch norm, which have statistics of their own.
    microbatch: int | str | None = setting(None, at_least=1, choices=("auto",))
    microbatch_norm: str = setting("exact", choices=("exact", "parts"))
    deterministic: bool = True
    log_every: int = setting(50, at_least=1, result_neutral=True)
    checkpoint_every_epochs: int = setting(1, at_least=1, result_neutral=True)
    # Null: at epoch ends only.
    checkpoint_every_batches: int | None = setting(None, at_least=1, result_neutral=True)
    threads: int | None = setting(None, at_least=1, result_neutral=True)


@dataclass
class TrackingConfig:
    """The ``tracking:`` section (Weights and Biases); the local files are always written."""

    mode: str = setting("auto", choices=("auto", "online", "offline", "disabled"))
    project: str = "likewise"
    entity: str | None = None
    name: str | None = None
    tags: list[str] = field(default_factory=list)
    plots: bool = True  # images for people, drawn after the record is written


@dataclass
class Recipe:
    """A whole run; ``data`` and ``method`` are dataclasses of the data module and the paper."""

    paper: str
    recipe: str
    variant: str | None
    arm: str
    # Which method is trained in place of the paper's: one of `Paper.baselines` or `METHODS`.
    baseline: str | None
    seed: int
    data: Any
    method: Any
    optimizer: OptimizerConfig
    trainer: TrainerConfig
    tracking: TrackingConfig
    evaluation: EvaluationConfig
    # Dotted key -> "default", the YAML file, "variant NAME" or "command line".
    origins: dict[str, str] = field(default_factory=dict, repr=False)
    # The file of a user's own recipe, as it was given. A run folder holds the values, not the file.
    file: str | None = None

    @property
    def name(self) -> str:
        """``paper/recipe[:variant]``, as records have it."""
        return f"{self.paper}/{self.recipe}" + (f":{self.variant}" if self.variant else "")

    @property
    def reference(self) -> str:
        """``paper/recipe[:variant]`` or ``file.yaml[:variant]``, as the command takes it."""
        if self.file is None:
            return self.name
        return self.file + (f":{self.variant}" if self.variant else "")

    @property
    def global_batch(self) -> int:
        """The global batch size; 1 where a graph is one batch.

        How many samples a step trains on, the data module's ``step_samples`` says.
        """
        return getattr(self.data, "batch_size", 1) or 1

    @property
    def folder(self) -> str:
        """``recipe[-variant]``: the runs' folder below the paper's."""
        return self.recipe + (f"-{self.variant}" if self.variant else "")

    def to_dict(self) -> dict[str, Any]:
        """Returns the resolved values as plain containers, without where they were written."""
        values = asdict(replace(self, origins={}))
        return {key: value for key, value in values.items() if key not in ("origins", "file")}

    def hash(self) -> str:
        """Returns 10 hex digits over all that can change a result and is not the default.

        The keys are frozen: a renamed field, section or class keeps each hash.
        """
        defaults = section_defaults(
            get_paper(self.paper), self.baseline, [*self.evaluation.functions]
        )
        relevant = {"epochs": self.trainer.epochs, "precision": self.trainer.precision}
        if self.baseline is not None:
            relevant["baseline"] = self.baseline
        if self.trainer.batches is not None:
            relevant["batches"] = self.trainer.batches
        if self.trainer.accumulate != 1:
            relevant["accumulate"] = self.trainer.accumulate
        if self.trainer.microbatch is not None and self.trainer.microbatch_norm == "parts":
            relevant["microbatch"] = self.trainer.microbatch
        for section in HASHED_SECTIONS:
            mine = getattr(self, section)
            collect_changes(mine, defaults[section], section, relevant, frozen=True)
        text = json.dumps(relevant, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:10]


def section_defaults(
    paper: Paper, baseline: str | None, asked: Iterable[str] = ()
) -> dict[str, Any]:
    """Returns ``{section: its dataclass with the defaults}``, which is the schema of a recipe.

    Args:
        paper: Whose recipe it is.
        baseline: The method that is trained in place of the paper's.
        asked: Protocols that it asks for beside those that the paper declares.
    """
    return {
        "data": paper.data_config()(),
        "method": paper.config(baseline)(),
        "optimizer": OptimizerConfig(),
        "trainer": TrainerConfig(),
        "tracking": TrackingConfig(),
        "evaluation": _evaluation_kind(paper, asked)(),
    }


def with_protocols(recipe: Recipe, names: list[str]) -> Recipe:
    """Returns the recipe with protocols ``names`` alone, each with its section."""
    evaluation = recipe.evaluation
    values = {entry.name: getattr(evaluation, entry.name) for entry in fields(evaluation)}
    kind = _evaluation_kind(get_paper(recipe.paper), [*evaluation.functions, *names])
    return replace(recipe, evaluation=kind(**values | {"protocols": names, "online": []}))


def _evaluation_kind(paper: Paper, asked: Iterable[str]) -> type[EvaluationConfig]:
    names = dict.fromkeys([*paper.protocols, *asked])
    return evaluation_schema(*((name, paper.protocol(name)) for name in names))
