"""The recipe: schema, merge, validation and hash. Imports neither torch nor lightning.

Layers, each over the one before: schema defaults, ``configs/<paper>/<recipe>.yaml``, one of its
``variants``, then ``key=value`` from the command line. Every layer is flattened to dotted keys,
so that each final value knows where it came from.
"""

import hashlib
import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from common.devices import check_devices
from common.errors import ConfigError, UsageError, suggest
from common.evaluation.config import MAY_LACK_LABELS, EvaluationConfig
from common.evaluation.declared import check_protocols, needs_protocol
from common.layers import (
    TOP_LEVEL,
    assign,
    flatten,
    parse_overrides,
    read_yaml,
    take_variants,
    with_baseline,
)
from common.paper import Paper, get_paper
from common.references import recipe_path, refuse_paper, refuse_second, split_reference
from common.registry import DATA_SCHEMAS
from common.settings import check_settings, collect_changes, setting
from common.signals import interrupts_wait
from common.wording import shown

SECTIONS = ("data", "method", "optimizer", "trainer", "tracking", "evaluation")
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true", "fsdp")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
HASHED_SECTIONS = ("data", "method", "optimizer", "evaluation")
SEEDS = range(2**31)
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
    schedule: str = setting("constant", choices=("constant", "cosine", "steps"))
    final_lr: float = setting(0.0, at_least=0, at_most=LARGEST)
    warmup_epochs: int = setting(0, at_least=0)
    warmup_start_lr: float = setting(0.0, at_least=0, at_most=LARGEST)
    peak_once: bool = False  # The cosine's first rate is not the warm-up's last one, too.
    # Of schedule steps: after so many epochs, and again, the rate times the factor.
    step_epochs: int = setting(10, at_least=1)
    step_factor: float = setting(0.2, above=0)
    trust_coefficient: float = setting(0.001, above=0)
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
    plots: bool = True  # pictures for people, drawn after the record is written


@dataclass
class Recipe:
    """A whole run; ``data`` and ``method`` are the modality's and the paper's dataclasses."""

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

    @property
    def reference(self) -> str:
        """``paper/recipe[:variant]``, as the command takes it."""
        return f"{self.paper}/{self.recipe}" + (f":{self.variant}" if self.variant else "")

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
        """Returns the resolved values as plain containers, without the origins."""
        return asdict(replace(self, origins={}), dict_factory=_without_origins)

    def hash(self) -> str:
        """Returns 10 hex digits over all that can change a result and is not the default.

        The keys are frozen: a renamed field, section or class keeps each hash.
        """
        defaults = section_defaults(get_paper(self.paper), self.baseline)
        relevant = {"epochs": self.trainer.epochs, "precision": self.trainer.precision}
        if self.baseline is not None:
            relevant["baseline"] = self.baseline
        if self.trainer.batches is not None:
            relevant["batches"] = self.trainer.batches
        if self.trainer.accumulate != 1:
            relevant["accumulate"] = self.trainer.accumulate
        for section in HASHED_SECTIONS:
            mine = getattr(self, section)
            collect_changes(mine, defaults[section], section, relevant, frozen=True)
        text = json.dumps(relevant, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:10]


def _without_origins(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in items if key != "origins"}


def section_defaults(paper: Paper, baseline: str | None) -> dict[str, Any]:
    """Returns ``{section: its dataclass with the defaults}``, which is the schema of a recipe."""
    return {
        "data": DATA_SCHEMAS.get(paper.modality)(),
        "method": paper.config(baseline)(),
        "optimizer": OptimizerConfig(),
        "trainer": TrainerConfig(),
        "tracking": TrackingConfig(),
        "evaluation": EvaluationConfig(),
    }


@cache
def _container(*sections: tuple[str, type]) -> DictConfig:
    """Returns the defaults as OmegaConf holds them: for many recipes, a copy costs a fifth."""
    with interrupts_wait():
        return OmegaConf.create({**TOP_LEVEL, **{name: section() for name, section in sections}})


def load_recipe(
    reference: str,
    overrides: list[str] | None = None,
    read: Callable[[Path], dict[str, Any]] = read_yaml,
) -> Recipe:
    """Builds the recipe ``paper[/recipe[:variant]]`` with ``key=value`` overrides.

    ``read`` gives the content of its file: a caller of many variants reads it once.

    Raises:
        UsageError: Unknown paper, recipe or variant.
        ConfigError: Unknown key, wrong type, value out of bounds, or an interpolation.
    """
    paper_name, recipe_name, variant = split_reference(reference)
    refuse_second(overrides or [], reference, paper_name)
    path = recipe_path(paper_name, recipe_name)
    content = dict(read(path))  # the variants are taken out of it
    if not content:
        raise ConfigError(f"{path}: the recipe is empty; {needs_protocol(get_paper(paper_name))}")
    variants = take_variants(content, path)
    if variant is not None and variant not in variants:
        known = list(variants)
        raise UsageError(f"{path.name} has no variant {variant!r}{suggest(variant, known)}")
    layers = [(str(path), content)]
    if variant is not None:
        layers.append((f"variant {variant}", variants[variant]))
    layers.append(("command line", parse_overrides(overrides or [])))
    return resolve(paper_name, recipe_name, variant, layers)


def recipe_from_dict(values: dict[str, Any], source: str) -> Recipe:
    """Rebuilds a recipe from `Recipe.to_dict` (a run folder's ``config.yaml``)."""
    lacking = {"paper", "recipe", "variant"} - set(values)
    if lacking:
        raise ConfigError(f"{source}: lacks {', '.join(sorted(lacking))}; not a run's config.yaml")
    content = {k: v for k, v in values.items() if k not in ("recipe", "variant")}
    return resolve(values["paper"], values["recipe"], values["variant"], [(source, content)])


def resolve(
    paper_name: str,
    recipe_name: str,
    variant: str | None,
    layers: list[tuple[str, dict[str, Any]]],
) -> Recipe:
    """Merges ``layers`` of (origin, nested or dotted mapping) over the schema and checks all."""
    paper = get_paper(paper_name)
    refuse_paper(layers, paper_name)
    baseline, layers = with_baseline(layers)
    schema = section_defaults(paper, baseline)
    flat = [(origin, flatten(layer, schema, origin)) for origin, layer in layers]
    # After what names nothing has been refused: the copy takes longer than all of that.
    merged = deepcopy(_container(*((name, type(section)) for name, section in schema.items())))
    origins: dict[str, str] = {}
    for origin, layer in flat:
        for key, value in layer.items():
            assign(merged, key, value, origin)
            origins[key] = origin
    sections: dict[str, Any] = {name: OmegaConf.to_object(merged[name]) for name in schema}
    seed, arm = merged.seed, merged.arm if isinstance(merged.arm, str) else shown(merged.arm)
    if not is_seed(seed):
        raise ConfigError(f"seed: must be a whole number from 0 to 2^31 - 1, got {shown(seed)}")
    result = Recipe(
        paper_name, recipe_name, variant, arm, baseline, seed, **sections, origins=origins
    )
    for name in schema:
        check_settings(getattr(result, name), name)
    check_recipe(result)
    return result


def is_seed(value: Any) -> bool:
    """Tells whether ``value`` is a whole number that every random generator takes."""
    return type(value) is int and value in SEEDS


def check_recipe(recipe: Recipe) -> None:
    """Checks what no single field shows; raises `ConfigError` before anything is computed."""
    paper, evaluation = get_paper(recipe.paper), recipe.evaluation
    if not re.fullmatch(r"method|(ablation|baseline)/[a-z0-9][a-z0-9._-]*", recipe.arm):
        raise ConfigError(
            f"arm: must be method, ablation/<name> or baseline/<name>, got {shown(recipe.arm)}"
        )
    check_devices(recipe.trainer.devices, recipe.trainer.accelerator)
    if not evaluation.protocols and getattr(recipe.data, "name", None) not in MAY_LACK_LABELS:
        origins, path = recipe.origins, recipe_path(recipe.paper, recipe.recipe)
        raise ConfigError(f"{origins.get('evaluation.protocols', path)}: {needs_protocol(paper)}")
    named = {f"evaluation.{key}": getattr(evaluation, key) for key in ("protocols", "online")}
    check_protocols(recipe, named)
    if evaluation.monitor is None and (evaluation.keeps_best or evaluation.patience):
        raise ConfigError("evaluation.select=best, also_best and patience need evaluation.monitor")
    if (evaluation.monitor or "").startswith(("val/", "test/")) and not evaluation.online:
        raise ConfigError(f"evaluation.monitor={evaluation.monitor} needs evaluation.online")
    if hasattr(recipe.method, "check"):  # what a paper asks of other sections
        recipe.method.check(recipe)
