"""A run: a fit with its record, its tracker and what shows it."""

import os
from dataclasses import replace
from pathlib import Path

import torch
from lightning import Callback, Trainer
from rich.console import Console

from common.config.schema import Recipe
from common.files import reading
from common.paper import get_paper
from common.plots.draw import draw_plots
from common.ranks import is_main_process
from common.results.record import Record, record_to_json, write_record
from common.results.reported import scaled_reason
from common.runs.checkpoints import AtomicCheckpointIO, Checkpoints, last_good_checkpoint
from common.runs.cores import too_many_threads
from common.runs.environment import Environment
from common.runs.folder import RunFolder
from common.runs.interruption import Stopping
from common.runs.launch import num_processes, strategy_of, threads_of
from common.runs.lightning_notices import quieten_lightning
from common.runs.progress import show_progress_of_numbers
from common.runs.provenance import Provenance
from common.runs.record import RunMeasurements, describe_source, make_record
from common.runs.reporter import Reporter
from common.runs.summary import measuring_text
from common.runs.throughput import ProgressLine, Throughput
from common.tracking.metrics_file import MetricsFile
from common.tracking.mode import logs_model
from common.tracking.wandb_run import Tracker, start_tracker
from common.training import fit as training
from common.training.fit import Experiment, Surroundings, num_parameters
from common.training.position import batches_seen
from common.training.selection import BEST


def prepare(recipe: Recipe, training_follows: bool = True, resumed: bool = False) -> Experiment:
    """Checks the number of processes, then reads the data and builds the module.

    Args:
        recipe: What to run.
        training_follows: False where weights are given, which any machine can measure.
        resumed: Whether a checkpoint is loaded over the module.

    Raises:
        DataError: Missing or broken data.
        ConfigError: A recipe that the data or the number of processes rule out.
    """
    if training_follows:  # what it needs is not needed to measure
        strategy_of(recipe)
    quieten_lightning()
    show_progress_of_numbers()
    with reading(recipe.data.path):
        experiment = training.prepare(recipe, training_follows, resumed)
    threads = threads_of(recipe, num_parameters(experiment.module))
    torch.set_num_threads(threads)
    if num_processes(recipe) > 1:
        # Lightning sets a number of its own, the cores' share, where the environment has none.
        os.environ["OMP_NUM_THREADS"] = str(threads)
    return experiment


def train(
    experiment: Experiment,
    run: RunFolder,
    console: Console,
    resume_from: Path | None = None,
    deadline: float | None = None,
) -> Record | None:
    """Trains, evaluates and writes the run's record; returns it on the main process.

    Args:
        experiment: What to run, from `prepare`.
        run: Where to write; locked by the caller.
        console: Where to tell.
        resume_from: A checkpoint to go on from.
        deadline: `time.monotonic` value after which the run saves and raises `RunStopped`.
    """
    recipe = experiment.recipe
    source = describe_source(recipe.paper)
    run.say(f"{recipe.reference}, seed {recipe.seed}: {experiment.data.describe()}", console)
    if crowded := too_many_threads(torch.get_num_threads()):
        run.say(crowded, console)
    for warning in experiment.data.warnings:
        run.say(f"warning: {warning}", console, style="yellow")
    tracker = _start_tracker(experiment, source.environment, run, resume_from is not None, console)
    reporter = Reporter(MetricsFile(run.path) if is_main_process() else None, tracker)
    throughput = Throughput(reporter, experiment.data.step_samples, recipe.trainer.log_every)
    provenance = Provenance(run.id, recipe.paper, recipe.hash(), source.code_digest)
    given = _surroundings(experiment, run, reporter, throughput, provenance, console, deadline)
    try:
        trainer = training.fit(experiment, given, resume_from)
        if not trainer.is_global_zero:
            return None
        measured = _measure(experiment, run, trainer, throughput, console)
    except BaseException:
        tracker.finish(exit_code=1)
        raise
    reporter.sync()  # the record of a run whose folder was removed would stand alone
    source = replace(source, code_digest=provenance.code_digest)
    record = make_record(recipe, experiment.data, source, run, measured, tracker.path)
    write_record(record, run.path)
    tracker.summary({name: v for name, v in measured.metrics.items() if v is not None})
    tracker.record(record_to_json(record))
    if logs_model():
        _log_model(tracker, run, record)
    if recipe.tracking.plots:
        tracker.images(record.batches, _draw(experiment, run, console))
    run.upload = tracker.finish()
    return record


def _log_model(tracker: Tracker, run: RunFolder, record: Record) -> None:
    """Gives the tracker the checkpoint whose weights were measured."""
    path: Path | None = run.checkpoints / BEST
    if record.selection == "last":
        path, _ = last_good_checkpoint(run.checkpoints)
    if path is not None:
        tracker.model(f"model-{run.id}", path, record_to_json(record))


def _start_tracker(
    experiment: Experiment,
    environment: Environment,
    run: RunFolder,
    resumed: bool,
    console: Console,
) -> Tracker:
    facts = {
        "parameters": num_parameters(experiment.module),
        "data_hash": experiment.data.fingerprint,
        "commit": environment.commit,
        "versions": environment.versions,
        "hardware": environment.hardware,
    }
    return start_tracker(
        experiment.recipe,
        run.path,
        resumed,
        dirty=environment.dirty,
        scaled=scaled_reason(experiment.recipe) is not None,
        facts=facts,
        say=lambda text: run.say(text, console, style="yellow"),
    )


def _surroundings(
    experiment: Experiment,
    run: RunFolder,
    reporter: Reporter,
    throughput: Throughput,
    provenance: Provenance,
    console: Console,
    deadline: float | None,
) -> Surroundings:
    """Returns what the fit is given: who writes metrics and checkpoints, shows it and stops it."""
    recipe, settings = experiment.recipe, experiment.recipe.trainer
    every = settings.checkpoint_every_epochs, settings.checkpoint_every_batches
    checkpoints = Checkpoints(run.checkpoints, *every, reporter)
    stopping = Stopping(checkpoints, deadline)
    after: list[Callback] = [stopping, checkpoints]
    if is_main_process():
        after.append(ProgressLine(console, settings.batches))
    return Surroundings(
        folder=run.path,
        checkpoints=run.checkpoints,
        report=reporter.report,
        before=[provenance, throughput],
        after=after,
        strategy=strategy_of(recipe),
        plugins=[AtomicCheckpointIO()],
        around=stopping.around_fit,
    )


def _measure(
    experiment: Experiment,
    run: RunFolder,
    trainer: Trainer,
    throughput: Throughput,
    console: Console,
) -> RunMeasurements:
    batches = batches_seen(experiment.module)
    if text := measuring_text(experiment.recipe):
        run.say(text, console)
    measured = training.measure(experiment, run.checkpoints)
    return RunMeasurements(
        metrics=measured.metrics,
        references=measured.references,
        selection=measured.selection,
        batches=batches,
        epochs=trainer.current_epoch,
        wall_s=throughput.elapsed_s,
        samples_per_s=throughput.samples_per_s,
        wait_share=throughput.wait_share,
        devices=trainer.world_size,
        parameters=num_parameters(experiment.module),
    )


def _draw(experiment: Experiment, run: RunFolder, console: Console) -> list[Path]:
    return draw_plots(
        get_paper(experiment.recipe.paper),
        experiment.module,
        experiment.data,
        experiment.recipe.evaluation,
        run.plots,
        lambda text: run.say(text, console, style="yellow"),
    )
