"""`papers evaluate`: protocols on a run's weights or on published ones, with a record."""

import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from common.artifacts import load_run
from common.checkpoints.position import batches_seen
from common.config import Recipe
from common.errors import UsageError
from common.execute import show_result
from common.leaderboard.record import Record, write_record
from common.paper import get_paper
from common.registry import EVALUATORS
from common.result import RunMeasurements, describe_source, make_record
from common.runs import RunFolder, new_run, open_run
from common.train import Ready, evaluate, measure_references, num_parameters, prepare


def evaluate_run(run_dir: Path, protocols: list[str] | None, console: Console) -> Record:
    """Runs ``protocols`` (default: the recipe's) on a run; writes ``evaluations/<time>/``."""
    _check(protocols)
    run = open_run(run_dir)
    ready = load_run(run_dir)
    target = RunFolder(run.path / "evaluations" / time.strftime("%y%m%d-%H%M%S"))
    target.path.mkdir(parents=True)
    return _measure(ready, target, protocols, "trained", console)


def evaluate_weights(
    recipe: Recipe, weights: Path, protocols: list[str] | None, root: Path, console: Console
) -> Record:
    """Loads published ``weights`` into the recipe's module and evaluates it in a new run folder.

    Raises:
        UsageError: If the paper reads no published weights, or the file is missing.
    """
    _check(protocols)
    if not weights.is_file():
        raise UsageError(f"{weights}: no such file of weights")
    try:
        reader = get_paper(recipe.paper).part("weights")
    except ModuleNotFoundError:
        raise UsageError(f"{recipe.paper} reads no published weights") from None
    ready = prepare(recipe)
    reader.load_weights(ready.module, weights)
    run = new_run(recipe, root)
    try:
        return _measure(ready, run, protocols, "published", console)
    finally:
        run.unlock()


def _check(protocols: list[str] | None) -> None:
    for name in protocols or []:
        EVALUATORS.check(name)


def _measure(
    ready: Ready, run: RunFolder, protocols: list[str] | None, weights: str, console: Console
) -> Record:
    started = time.perf_counter()
    source = describe_source(ready.recipe.paper)
    if protocols:
        evaluation = replace(ready.recipe.evaluation, protocols=protocols)
        ready = replace(ready, recipe=replace(ready.recipe, evaluation=evaluation))
    metrics = evaluate(ready, ready.recipe.evaluation.protocols, "test")
    measured = RunMeasurements(
        metrics=metrics,
        references=measure_references(ready),
        batches=batches_seen(ready.module),
        epochs=0,
        wall_s=time.perf_counter() - started,
        samples_per_s=0.0,
        wait_share=0.0,
        devices=1,
        parameters=num_parameters(ready.module),
        weights=weights,
    )
    record = make_record(ready.recipe, ready.data, source, run, measured, None)
    write_record(record, run.path)
    show_result(record, run, console)
    return record
