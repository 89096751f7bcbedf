"""The one pipeline: recipe -> seed -> data -> module -> Trainer -> fit -> evaluate -> record."""

import gc
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer, seed_everything
from rich.console import Console

from common.callbacks.checkpointing import Checkpoints
from common.callbacks.metrics_log import MetricsLog, Reporter
from common.callbacks.online import BEST, OnlineEvaluation
from common.callbacks.progress import ProgressLine, Throughput
from common.callbacks.stopping import Stopping
from common.checkpoints.io import read_checkpoint
from common.checkpoints.position import Position, batches_seen
from common.config import Recipe
from common.data.contract import RunData
from common.errors import ConfigError, suggest
from common.evaluation.run import run_protocols
from common.launch import is_main_process, strategy_of, threads_of
from common.leaderboard.environment import Environment
from common.leaderboard.record import Record, record_to_json, write_record
from common.leaderboard.reported import scaled_reason
from common.paper import get_paper
from common.plots.draw import draw_plots
from common.quiet import quieten_lightning
from common.registry import DATA_MODULES
from common.result import RunMeasurements, describe_source, make_record
from common.runs import RunFolder
from common.tracking.metrics_file import MetricsFile
from common.tracking.wandb_run import Tracker, start_tracker
from common.trainer import make_trainer


@dataclass
class Ready:
    """A recipe made real: its data, read and checked, and its module, not yet trained."""

    recipe: Recipe
    data: RunData
    module: LightningModule


def prepare(recipe: Recipe, training: bool = True, resumed: bool = False) -> Ready:
    """Seeds everything, reads the data and builds the module.

    Args:
        recipe: What to run.
        training: False where weights are given: what only training asks of the data is not asked.
        resumed: Whether a checkpoint is loaded over the module: no file of weights is read before.

    Raises:
        DataError: Missing or broken data.
        ConfigError: A recipe that the data or the number of processes rule out.
    """
    strategy_of(recipe)
    quieten_lightning()
    # A finished run's trainer, module and data hold each other: only the collector frees them, and
    # it counts objects, not bytes. A campaign's memory would grow by a data set a run.
    gc.collect()
    seed_everything(recipe.seed, verbose=False)
    data: RunData = DATA_MODULES.get(get_paper(recipe.paper).modality)(recipe.data, recipe.seed)
    data.load()
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
    torch.set_num_threads(threads_of(recipe, num_parameters(module)))
    return Ready(recipe, data, module)


def train(
    ready: Ready,
    run: RunFolder,
    console: Console,
    resume_from: Path | None = None,
    deadline: float | None = None,
) -> Record | None:
    """Trains, evaluates and writes the run's record; returns it on the main process.

    Args:
        ready: What to run, from `prepare`.
        run: Where to write; locked by the caller.
        console: Where to tell.
        resume_from: A checkpoint to go on from.
        deadline: `time.monotonic` value after which the run saves and raises `RunStopped`.
    """
    recipe = ready.recipe
    source = describe_source(recipe.paper)
    run.say(f"{recipe.reference}, seed {recipe.seed}: {ready.data.describe()}", console)
    for oddity in ready.data.oddities:
        run.say(f"warning: {oddity}", console, style="yellow")
    tracker = _start_tracker(ready, source.environment, run, resume_from is not None, console)
    reporter = Reporter(MetricsFile(run.path) if is_main_process() else None, tracker)
    throughput = Throughput(reporter, ready.data.step_samples, recipe.trainer.log_every)
    position = Position(run.id, recipe.paper, source.code_digest)
    callbacks, stopping = _make_callbacks(
        ready, run, reporter, throughput, position, console, deadline
    )
    trainer = make_trainer(recipe, ready.module, callbacks, run.path)
    try:
        if recipe.trainer.epochs > 0:
            with stopping.around_fit(trainer):
                trainer.fit(ready.module, datamodule=ready.data, ckpt_path=resume_from)
        if not trainer.is_global_zero:
            return None
        ready.module.to(trainer.strategy.root_device)  # Lightning leaves it on the CPU
        measured = _measure(ready, run, trainer, throughput)
    except BaseException:
        tracker.finish(exit_code=1)
        raise
    source = replace(source, code_digest=position.code_digest)
    record = make_record(recipe, ready.data, source, run, measured, tracker.path)
    write_record(record, run.path)
    tracker.summary({name: v for name, v in measured.metrics.items() if v is not None})
    tracker.record(record_to_json(record))
    if recipe.tracking.plots:
        tracker.images(record.batches, _draw(ready, run, console))
    run.upload = tracker.finish()
    return record


def _start_tracker(
    ready: Ready, environment: Environment, run: RunFolder, resumed: bool, console: Console
) -> Tracker:
    facts = {
        "parameters": num_parameters(ready.module),
        "data_hash": ready.data.fingerprint,
        "commit": environment.commit,
        "versions": environment.versions,
        "hardware": environment.hardware,
    }
    return start_tracker(
        ready.recipe,
        run.path,
        resumed,
        dirty=environment.dirty,
        scaled=scaled_reason(ready.recipe) is not None,
        facts=facts,
        say=lambda text: run.say(text, console, style="yellow"),
    )


def _make_callbacks(
    ready: Ready,
    run: RunFolder,
    reporter: Reporter,
    throughput: Throughput,
    position: Position,
    console: Console,
    deadline: float | None,
) -> tuple[list[Callback], Stopping]:
    """Returns all callbacks in their order, and the one among them that surrounds the fit."""
    recipe, settings = ready.recipe, ready.recipe.trainer
    every = settings.checkpoint_every_epochs, settings.checkpoint_every_batches
    checkpoints = Checkpoints(run.checkpoints, *every, reporter)
    online = OnlineEvaluation(
        recipe.evaluation,
        lambda _module: evaluate(ready, recipe.evaluation.online, recipe.evaluation.online_split),
        reporter,
        run.checkpoints,
    )
    stopping = Stopping(checkpoints, settings.batches, deadline)
    # The order matters: a checkpoint must hold what the callbacks before it decided.
    callbacks: list[Callback] = [
        position,
        MetricsLog(reporter, settings.log_every),
        throughput,
        online,
        stopping,
        checkpoints,
    ]
    if is_main_process():
        callbacks.append(ProgressLine(console, settings.batches))
    return callbacks, stopping


def _measure(
    ready: Ready, run: RunFolder, trainer: Trainer, throughput: Throughput
) -> RunMeasurements:
    config, batches = ready.recipe.evaluation, batches_seen(ready.module)
    best = load_best(ready, run)
    metrics = evaluate(ready, config.protocols, "test")
    if config.also_best and not best:
        metrics |= measure_best(ready, run)
    return RunMeasurements(
        metrics=metrics,
        references=measure_references(ready),
        selection=f"best {config.monitor}" if best else "last",
        batches=batches,
        epochs=trainer.current_epoch,
        wall_s=throughput.elapsed_s,
        samples_per_s=throughput.samples_per_s,
        wait_share=throughput.wait_share,
        devices=trainer.world_size,
        parameters=num_parameters(ready.module),
    )


def evaluate(ready: Ready, names: list[str], split: str) -> dict[str, float]:
    """Runs protocols ``names`` on the module as it stands."""
    inputs = ready.data.evaluation_inputs(ready.module, split)
    config = ready.recipe.evaluation
    return run_protocols(names, inputs, config, ready.recipe.seed, f"{split}/")


def measure_references(ready: Ready) -> dict[str, dict[str, float]]:
    """Returns the metrics of the untrained encoder and of the learning-free ones."""
    config, found = ready.recipe.evaluation, {}
    if "untrained" in config.references:
        module = build_module(ready.recipe, ready.data).to(ready.module.device)
        untrained = Ready(ready.recipe, ready.data, module)
        found["untrained"] = evaluate(untrained, config.protocols, "test")
    references = ready.data.references("test")
    for name in references:
        if name in config.references:  # others are not computed: a graph's can be very wide
            found[name] = run_protocols(
                config.protocols, references[name], config, ready.recipe.seed, "test/"
            )
    return found


def load_best(ready: Ready, run: RunFolder) -> bool:
    """Loads the best weights if the recipe selects them and some were kept; tells whether."""
    best = run.checkpoints / BEST
    if ready.recipe.evaluation.select != "best" or not best.is_file():
        return False
    ready.module.load_state_dict(read_checkpoint(best)["state_dict"])
    return True


def measure_best(ready: Ready, run: RunFolder) -> dict[str, float]:
    """Returns ``test/best_...`` of the best weights by ``monitor``; the module stays as it is."""
    path = run.checkpoints / BEST
    if not path.is_file():
        return {}
    last = {name: value.clone() for name, value in ready.module.state_dict().items()}
    ready.module.load_state_dict(read_checkpoint(path)["state_dict"])
    found = evaluate(ready, ready.recipe.evaluation.protocols, "test")
    ready.module.load_state_dict(last)
    return {f"test/best_{name.removeprefix('test/')}": value for name, value in found.items()}


def _draw(ready: Ready, run: RunFolder, console: Console) -> list[Path]:
    return draw_plots(
        get_paper(ready.recipe.paper),
        ready.module,
        ready.data,
        run.plots,
        lambda text: run.say(text, console, style="yellow"),
    )


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
