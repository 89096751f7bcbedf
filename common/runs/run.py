"""A run: a fit with its record, its tracker and what shows it; started, resumed, trained."""

import os
import tempfile
import warnings
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from lightning import Callback, Trainer
from rich.console import Console

from common.config.devices import is_main_process
from common.config.files import reading, remove_torn
from common.config.schema import Recipe
from common.errors import ConfigError, LikewiseError
from common.paper import get_paper
from common.plots.draw import draw_plots
from common.results.metrics import ERROR
from common.results.record import Record, read_record, record_to_json, write_record
from common.runs.checkpoints import AtomicCheckpointIO, Checkpoints, last_good_checkpoint
from common.runs.devices import num_processes, strategy_of, threads_of, too_many_threads
from common.runs.folder import RunFolder, new_run
from common.runs.interruption import (
    Stopping,
    Terminations,
    ended_in_words,
    interrupts_wait,
    to_the_end,
)
from common.runs.progress import (
    ProgressLine,
    Throughput,
    quieten_lightning,
    show_progress_of_numbers,
)
from common.runs.record import (
    CodeAndMachine,
    Provenance,
    RunMeasurements,
    describe_source,
    make_record,
)
from common.runs.summary import measuring_text, show_end
from common.tracking.metrics_file import MetricsFile
from common.tracking.tracker import Reporter, Tracker, logs_model, start_tracker
from common.training import fit as training
from common.training.fit import Experiment, Surroundings, num_parameters
from common.training.position import batches_seen
from common.training.selection import BEST
from common.training.trainer import make_trainer


def prepare_run(recipe: Recipe, training_follows: bool = True, resumed: bool = False) -> Experiment:
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
    check_patches(experiment)
    threads = threads_of(recipe, num_parameters(experiment.module))
    torch.set_num_threads(threads)
    if num_processes(recipe) > 1:
        # Lightning sets a number of its own, the cores' share, where the environment has none.
        os.environ["OMP_NUM_THREADS"] = str(threads)
    return experiment


def fit_from(experiment: Experiment, recipe: Recipe, position: int, callback: Callback) -> None:
    """Trains from batch ``position`` on without a run, until ``callback`` stops it, to look at it.

    Args:
        experiment: Module and data, which are moved to that batch.
        recipe: How they are trained; the experiment's, or one with other ``trainer`` settings.
        position: The number of the first batch.
        callback: What looks.
    """
    experiment.module.get_buffer("batches_seen").fill_(position)
    experiment.data.seek(position)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a collapse, which an untrained network may have
        trainer = make_trainer(recipe, experiment.module, [callback], Path(folder))
        trainer.fit(experiment.module, datamodule=experiment.data)


def check_patches(experiment: Experiment) -> None:
    """Raises `ConfigError` where a transformer's patches do not divide views or images."""
    patches = {part.patch for part in experiment.module.modules() if hasattr(part, "patch")}
    if not patches:
        return
    sizes = {f"data.views of {view.size}": view.size for view in experiment.recipe.data.views}
    for key, size in (sizes | {"data.name": experiment.data.facts.size}).items():
        if wrong := [patch for patch in patches if size % patch]:
            raise ConfigError(
                f"{key}: images of {size} pixels do not divide into patches of {wrong[0]}; "
                "use sizes that do, or method.stem=cifar (patches of 4)"
            )


def train(
    experiment: Experiment,
    run: RunFolder,
    console: Console,
    resume_from: Path | None = None,
    deadline: float | None = None,
) -> Record | None:
    """Trains, evaluates and writes the run's record; returns it on the main process.

    Args:
        experiment: What to run, from `prepare_run`.
        run: Where to write; locked by the caller.
        console: Where to tell.
        resume_from: A checkpoint to go on from.
        deadline: `time.monotonic` value after which the run saves and raises `RunStopped`.
    """
    recipe = experiment.recipe
    source = describe_source(recipe)
    run.say(f"{recipe.reference}, seed {recipe.seed}: {experiment.data.describe()}", console)
    if crowded := too_many_threads(torch.get_num_threads()):
        run.say(crowded, console)
    for warning in experiment.data.warnings:
        run.say(f"warning: {warning}", console, style="yellow")
    tracker = _start_tracker(experiment, source, run, resume_from is not None, console)
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
    source: CodeAndMachine,
    run: RunFolder,
    resumed: bool,
    console: Console,
) -> Tracker:
    facts = {
        "parameters": num_parameters(experiment.module),
        "data_hash": experiment.data.fingerprint,
        "commit": source.environment.commit,
        "versions": source.environment.versions,
        "hardware": source.environment.hardware,
    }
    return start_tracker(
        experiment.recipe,
        run.path,
        resumed,
        dirty=source.environment.dirty,
        scaled=source.scaled_reason is not None,
        facts=facts,
        errors=ERROR.pattern,
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


def start_run(
    recipe: Recipe,
    root: Path,
    console: Console,
    deadline: float | None = None,
    planned: list[str] | None = None,
) -> Record | None:
    """Trains ``recipe`` in a new folder below ``root``.

    ``planned`` are the words that plan it, for data of the user's own.
    """
    with Terminations() as terminations, ExitStack() as ending:
        ready = prepare_run(recipe)
        with interrupts_wait():  # from the folder on, one is said with the folder's name
            # The other processes of a launch write nothing; their folder is never made.
            run = new_run(recipe, root) if is_main_process() else RunFolder(root / "not-main")
            ending.enter_context(ended_in_words(run, terminations))
        record = to_the_end(run, train(ready, run, console, None, deadline))
    show_end(record, recipe, run, console, planned)
    return record


def resume_run(run: RunFolder, console: Console, deadline: float | None = None) -> Record | None:
    """Goes on with ``run`` from its last good checkpoint, or from the start if it has none.

    Raises:
        RunInUse: If another process is writing the folder.
        LikewiseError: If checkpoints exist but none can be read.
        RecordError: If the run's record is torn or of a newer version.
    """
    recipe = run.read_recipe()
    if is_main_process():
        run.lock()
    with Terminations() as terminations, ended_in_words(run, terminations):
        if run.record.is_file():
            read_record(run.record)  # a torn or newer one is no proof that the run is complete
            console.print(f"{run.path}: complete already, nothing to resume", soft_wrap=True)
            return None
        if is_main_process():
            remove_torn(run.path, run.checkpoints, run.plots)
        checkpoint = _choose_checkpoint(run, console)
        ready = prepare_run(recipe, resumed=checkpoint is not None)
        record = to_the_end(run, train(ready, run, console, checkpoint, deadline))
    show_end(record, recipe, run, console)
    return record


def _choose_checkpoint(run: RunFolder, console: Console) -> Path | None:
    checkpoint, problems = last_good_checkpoint(run.checkpoints, run.id)
    for problem in problems:
        run.say(f"warning: {problem}", console, style="yellow")
    if checkpoint is None and problems:
        raise LikewiseError(
            f"{run.checkpoints}: no checkpoint to go on from; mend what the warnings name or "
            "start the run anew"
        )
    run.say(f"resuming from {checkpoint.name if checkpoint else 'the start'}", console)
    return checkpoint
