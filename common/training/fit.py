"""From a recipe to numbers: seed, data, module, Trainer, fit, measure; it records nothing."""

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import Callback, LightningModule, Trainer, seed_everything

from common.config.schema import Recipe
from common.data.contract import RunData
from common.errors import ConfigError, suggest
from common.evaluation.run_protocols import run_protocols
from common.paper import get_paper
from common.training.metrics import MetricsLog
from common.training.position import Position
from common.training.selection import OnlineEvaluation, best_state
from common.training.trainer import BatchLimit, make_trainer


@dataclass
class Experiment:
    """A recipe made real: its data, read and checked, and its module, not yet trained."""

    recipe: Recipe
    data: RunData
    module: LightningModule


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a fit is given by the run around it.

    Args:
        folder: The run's.
        checkpoints: The folder of checkpoints, where the best one is kept if the recipe uses it.
        report: Takes batch, epoch and values of what is measured during training.
        before: Callbacks that act before the evaluation during training.
        after: Callbacks that act after it: a checkpoint holds what was decided before it.
        strategy: Lightning's, for the number of processes.
        plugins: Lightning's, such as what writes checkpoints.
        around: A context that the fit runs in, made of the Trainer.
    """

    folder: Path
    checkpoints: Path
    report: Callable[[int, int, dict[str, float]], None]
    before: Sequence[Callback] = ()
    after: Sequence[Callback] = ()
    strategy: str = "auto"
    plugins: Sequence[Any] = field(default_factory=tuple)
    around: Callable[[Trainer], AbstractContextManager[Any]] = nullcontext


class Measured(NamedTuple):
    """Metrics of the module and, by name, of the encoders that learn nothing."""

    metrics: dict[str, float]
    references: dict[str, dict[str, float]]
    # "last", or "best" with the key it was chosen by.
    selection: str


def prepare(recipe: Recipe, training: bool = True, resumed: bool = False) -> Experiment:
    """Seeds everything, reads the data and builds the module.

    Args:
        recipe: What to run.
        training: False where weights are given: what only training asks of the data is not asked.
        resumed: Whether a checkpoint is loaded over the module: no file of weights is read before.

    Raises:
        DataError: Missing or broken data.
        ConfigError: A recipe that the data rule out.
    """
    # A finished run's trainer, module and data hold each other: only the collector frees them, and
    # it counts objects, not bytes. A campaign's memory would grow by a data set a run.
    gc.collect()
    seed_everything(recipe.seed, verbose=False)
    data = load_data(recipe)
    if recipe.evaluation.protocols:
        data.check_split(recipe.evaluation.split)
    if recipe.evaluation.online:
        data.check_split(recipe.evaluation.online_split)  # not at the first look, after an epoch
    known = ["untrained", *data.reference_names]
    for name in recipe.evaluation.references:
        if name not in known:
            raise ConfigError(f"evaluation.references: unknown {name!r}{suggest(name, known)}")
    if training and recipe.trainer.epochs > 0:
        check_training(recipe, data)
    data.check_evaluation(recipe.evaluation)
    restored = recipe.trainer.epochs > 0 and (resumed or not training)
    module = build_module(_without_initial_weights(recipe) if restored else recipe, data)
    return Experiment(recipe, data, module)


def load_data(recipe: Recipe) -> RunData:
    """Reads the recipe's data; raises `DataError` where they are missing or broken."""
    data: RunData = get_paper(recipe.paper).data_module()(recipe.data, recipe.seed)
    data.load()
    return data


def fit(
    experiment: Experiment, surroundings: Surroundings, resume_from: Path | None = None
) -> Trainer:
    """Trains the module and leaves it on the Trainer's device.

    Args:
        experiment: What to train.
        surroundings: What the run around it gives.
        resume_from: A checkpoint to go on from.
    """
    recipe, given = experiment.recipe, surroundings
    metrics = MetricsLog(given.report, recipe.trainer.log_every)
    online = OnlineEvaluation(
        recipe.evaluation,
        lambda _module: evaluate(
            experiment, recipe.evaluation.online, recipe.evaluation.online_split
        ),
        given.report,
        metrics,
        given.checkpoints,
    )
    limit = BatchLimit(recipe.trainer.batches)
    callbacks = [Position(), metrics, *given.before, online, limit, *given.after]
    trainer = make_trainer(
        recipe, experiment.module, callbacks, given.folder, given.strategy, given.plugins
    )
    if recipe.trainer.epochs > 0:
        with given.around(trainer):
            trainer.fit(experiment.module, datamodule=experiment.data, ckpt_path=resume_from)
            online.choose_one(trainer, experiment.module)
    if trainer.is_global_zero:
        experiment.module.to(trainer.strategy.root_device)  # Lightning leaves it on the CPU
    return trainer


def measure(experiment: Experiment, checkpoints: Path) -> Measured:
    """Measures the module on ``evaluation.split``, and what learns nothing beside it.

    Args:
        experiment: With the module as training left it; with ``evaluation.select=best`` its
            weights become the best ones.
        checkpoints: The folder that the fit was given.

    Raises:
        LikewiseError: The recipe keeps the best weights, and there are none.
    """
    config = experiment.recipe.evaluation
    best = best_state(experiment.recipe, checkpoints)
    selected = best is not None and config.select == "best"
    if best is not None and selected:
        experiment.module.load_state_dict(best)
    metrics = evaluate(experiment, config.protocols, config.split)
    if best is not None and not selected:
        metrics |= _measure_best(experiment, best)
    selection = f"best {config.monitor}" if selected else "last"
    return Measured(metrics, measure_references(experiment), selection)


def evaluate(experiment: Experiment, names: list[str], split: str) -> dict[str, float]:
    """Runs protocols ``names`` on the module as it stands."""
    inputs = experiment.data.evaluation_inputs(experiment.module, split)
    config = experiment.recipe.evaluation
    return run_protocols(names, inputs, config, experiment.recipe.seed, f"{split}/")


def measure_references(experiment: Experiment) -> dict[str, dict[str, float]]:
    """Returns the metrics of the untrained encoder and of the learning-free ones."""
    recipe, data = experiment.recipe, experiment.data
    config, found = recipe.evaluation, {}
    if "untrained" in config.references:
        module = build_module(recipe, data).to(experiment.module.device)
        untrained = Experiment(recipe, data, module)
        found["untrained"] = evaluate(untrained, config.protocols, config.split)
    references = data.references(config.split)
    for name in references:
        if name in config.references:  # others are not computed: a graph's can be very wide
            found[name] = run_protocols(
                config.protocols, references[name], config, recipe.seed, f"{config.split}/"
            )
    return found


def _measure_best(experiment: Experiment, best: Mapping[str, Any]) -> dict[str, float]:
    """Returns ``<split>/best_...`` of the best weights; the module stays as it is."""
    config = experiment.recipe.evaluation
    last = {name: value.clone() for name, value in experiment.module.state_dict().items()}
    experiment.module.load_state_dict(best)
    found = evaluate(experiment, config.protocols, config.split)
    experiment.module.load_state_dict(last)
    prefix = f"{config.split}/"
    return {f"{prefix}best_{name.removeprefix(prefix)}": value for name, value in found.items()}


def check_training(recipe: Recipe, data: RunData) -> None:
    """Raises `ConfigError` or `DataError` for data that can be measured but not trained on."""
    data.check_training()
    if hasattr(recipe.method, "check_facts"):
        recipe.method.check_facts(data.facts)


def build_module(recipe: Recipe, data: RunData) -> LightningModule:
    """Builds the paper's module; its initial weights are a function of the recipe's seed."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        kind = get_paper(recipe.paper).module(recipe.baseline)
        module: LightningModule = kind(recipe.method, recipe.optimizer, data.facts)
        return module


def _without_initial_weights(recipe: Recipe) -> Recipe:
    """Returns the recipe for a module that a checkpoint fills: the file may be gone by now."""
    if not hasattr(recipe.method, "initial_weights"):
        return recipe
    return replace(recipe, method=replace(recipe.method, initial_weights=None))


def num_parameters(module: LightningModule) -> int:
    """Returns how many numbers the module learns or holds frozen."""
    return sum(parameter.numel() for parameter in module.parameters())
