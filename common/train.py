"""The one pipeline: recipe -> seed -> data -> module -> Trainer -> fit -> evaluate -> record."""

import logging
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer, seed_everything
from rich.console import Console

from common.callbacks.checkpointing import Checkpoints
from common.callbacks.metrics_log import MetricsLog, Reporter
from common.callbacks.online import BEST, OnlineEvaluation
from common.callbacks.progress import ProgressLine, Throughput
from common.callbacks.stopping import Stopping
from common.checkpoints.io import AtomicCheckpointIO, read_checkpoint
from common.checkpoints.position import Position, batches_seen
from common.config import Recipe
from common.evaluation.run import run_protocols
from common.launch import is_main_process, strategy_of
from common.leaderboard.environment import Environment
from common.leaderboard.record import Record, record_to_json, write_record
from common.leaderboard.reported import scaled_reason
from common.paper import get_paper
from common.registry import DATA_MODULES
from common.result import RunMeasurements, describe_source, make_record
from common.runs import RunFolder
from common.tracking.metrics_file import MetricsFile
from common.tracking.wandb_run import Tracker, start_tracker


@dataclass
class Ready:
    """A recipe made real: its data, read and checked, and its module, not yet trained."""

    recipe: Recipe
    data: Any
    module: LightningModule


def prepare(recipe: Recipe) -> Ready:
    """Seeds everything, reads the data and builds the module.

    Raises:
        DataError: Missing or broken data.
        ConfigError: A recipe that the data or the number of processes rule out.
    """
    strategy_of(recipe)
    quieten_lightning()
    if recipe.trainer.threads is not None:
        torch.set_num_threads(recipe.trainer.threads)
    seed_everything(recipe.seed, verbose=False)
    data = DATA_MODULES.get(get_paper(recipe.paper).modality)(recipe.data, recipe.seed)
    data.load()
    return Ready(recipe, data, build_module(recipe, data))


def quieten_lightning() -> None:
    """Keeps Lightning's notices (device lists, tips, limits reached) out of our output."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # What they warn of does not apply: our sampler resumes in mid-epoch, batches come whole.
    for message in (
        ".*dataloader is not resumable.*",
        ".*does not have many workers.*",
        ".*treespec, LeafSpec.*",
        ".*logging interval.*",
    ):
        warnings.filterwarnings("ignore", message=message)


def build_module(recipe: Recipe, data: Any) -> LightningModule:
    """Builds the paper's module; its initial weights are a function of the recipe's seed."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        return get_paper(recipe.paper).module(recipe.method, recipe.optimizer, data.facts)


def num_parameters(module: LightningModule) -> int:
    """Returns how many numbers the module learns or holds frozen."""
    return sum(parameter.numel() for parameter in module.parameters())


def evaluate(ready: Ready, names: list[str], split: str) -> dict[str, float]:
    """Runs protocols ``names`` on the module as it stands."""
    inputs = ready.data.evaluation_inputs(ready.module, split)
    config = ready.recipe.evaluation
    return run_protocols(names, inputs, config, ready.recipe.seed, f"{split}/")


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
    started = time.perf_counter()
    recipe = ready.recipe
    source = describe_source(recipe.paper)
    if is_main_process():
        head = f"{recipe.reference}, seed {recipe.seed}"
        console.print(f"{head}: {ready.data.describe()}", highlight=False, soft_wrap=True)
    tracker = _start_tracker(ready, source.environment, run, resume_from is not None, console)
    reporter = _make_reporter(run, tracker)
    throughput = Throughput(reporter, _batch_size(recipe), recipe.trainer.log_every)
    trainer = _make_trainer(ready, run, reporter, throughput, console, deadline)
    if recipe.trainer.epochs > 0:
        try:
            trainer.fit(ready.module, datamodule=ready.data, ckpt_path=resume_from)
        except BaseException:
            tracker.finish(exit_code=1)
            raise
    if not trainer.is_global_zero:
        return None
    _select_weights(ready, run)
    metrics = evaluate(ready, recipe.evaluation.protocols, "test")
    references = measure_references(ready)
    measurements = RunMeasurements(
        metrics=metrics,
        references=references,
        batches=batches_seen(ready.module),
        epochs=trainer.current_epoch,
        wall_s=time.perf_counter() - started,
        samples_per_s=throughput.samples_per_s,
        wait_share=throughput.wait_share,
        devices=trainer.world_size,
        parameters=num_parameters(ready.module),
    )
    record = make_record(recipe, ready.data, source, run, measurements, tracker.path)
    write_record(record, run.path)
    tracker.summary(metrics)
    tracker.record(record_to_json(record))
    sync = tracker.finish()
    if sync is not None:
        console.print(f"tracked on this disk only; to upload: {sync}", soft_wrap=True)
    return record


def _batch_size(recipe: Recipe) -> int:
    # A full-batch graph has no batch size: one step is one pass over it.
    return getattr(recipe.data, "batch_size", 1)


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
        say=lambda text: console.print(text, style="yellow", markup=False, soft_wrap=True),
    )


def _make_reporter(run: RunFolder, tracker: Tracker) -> Reporter:
    if not is_main_process():
        return Reporter(None, None)
    return Reporter(MetricsFile(run.path), tracker)


def _make_trainer(
    ready: Ready,
    run: RunFolder,
    reporter: Reporter,
    throughput: Throughput,
    console: Console,
    deadline: float | None,
) -> Trainer:
    recipe, settings = ready.recipe, ready.recipe.trainer
    checkpoints = Checkpoints(
        run.checkpoints,
        settings.checkpoint_every_epochs,
        settings.checkpoint_every_batches,
        reporter,
    )
    online = OnlineEvaluation(
        recipe.evaluation,
        lambda _module: evaluate(ready, recipe.evaluation.online, "val"),
        reporter,
        run.checkpoints,
    )
    # The order matters: a checkpoint must hold what the callbacks before it decided.
    callbacks = [
        Position(run.id, recipe.paper),
        MetricsLog(reporter, settings.log_every),
        throughput,
        online,
        Stopping(checkpoints, settings.batches, deadline),
        checkpoints,
    ]
    if is_main_process():
        callbacks.append(ProgressLine(console, settings.batches))
    backbone = getattr(ready.module, "backbone", None)
    if settings.compile and backbone is not None:
        backbone.compile()
    return Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=strategy_of(recipe),
        precision=settings.precision,  # type: ignore[arg-type]
        max_epochs=max(settings.epochs, 1),
        accumulate_grad_batches=settings.accumulate,
        deterministic="warn" if settings.deterministic else None,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=False,
        # Modules read it to compute costly diagnostics where `MetricsLog` writes them.
        log_every_n_steps=settings.log_every,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=run.path,
    )


def _select_weights(ready: Ready, run: RunFolder) -> None:
    best = run.checkpoints / BEST
    if ready.recipe.evaluation.select == "best" and best.is_file():
        ready.module.load_state_dict(read_checkpoint(best)["state_dict"])


def measure_references(ready: Ready) -> dict[str, dict[str, float]]:
    """Returns the metrics of the untrained encoder and of the learning-free ones."""
    config, found = ready.recipe.evaluation, {}
    if "untrained" in config.references:
        untrained = Ready(ready.recipe, ready.data, build_module(ready.recipe, ready.data))
        found["untrained"] = evaluate(untrained, config.protocols, "test")
    for name, inputs in ready.data.references("test").items():
        if name in config.references:
            found[name] = run_protocols(
                config.protocols, inputs, config, ready.recipe.seed, "test/"
            )
    return found
