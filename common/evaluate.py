"""`papers evaluate`: protocols on a run's weights or on published ones, with a record."""

import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from common.artifacts import load_run
from common.config import Recipe, check_protocols
from common.errors import UsageError
from common.execute import show_result
from common.leaderboard.record import Record, read_record, write_record
from common.paper import get_paper
from common.result import RunMeasurements, describe_source, make_record
from common.runs import RunFolder, new_run, new_run_id, open_run
from common.train import Ready, evaluate, measure_references, num_parameters, prepare


def evaluate_run(run_dir: Path, protocols: list[str] | None, console: Console) -> Record:
    """Runs ``protocols`` (default: the recipe's) on a run; writes ``evaluations/<time>/``."""
    run = open_run(run_dir)
    if not run.record.is_file():
        raise UsageError(f"{run.path}: not finished; first papers resume {run.path}")
    record, ready = read_record(run.record), load_run(run_dir)
    names = protocols or ready.recipe.evaluation.protocols
    check_protocols(ready.recipe, names)
    ready = _with_protocols(ready, names)
    again = replace(
        record,
        protocol="+".join(names),
        metrics=dict(evaluate(ready, names, "test")),
        references={name: dict(row) for name, row in measure_references(ready).items()},
        finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    target = RunFolder(run.path / "evaluations" / new_run_id())
    write_record(again, target.path)
    show_result(again, target, console)
    return again


def evaluate_weights(
    recipe: Recipe, weights: Path, protocols: list[str] | None, root: Path, console: Console
) -> Record:
    """Loads published ``weights`` into the recipe's module and evaluates it in a new run folder.

    Raises:
        UsageError: If the paper reads no published weights, or the file is missing.
    """
    names = protocols or recipe.evaluation.protocols
    check_protocols(recipe, names)
    if not weights.is_file():
        raise UsageError(f"{weights}: no such file of weights")
    try:
        reader = get_paper(recipe.paper).part("weights")
    except ModuleNotFoundError:
        raise UsageError(f"{recipe.paper} reads no published weights") from None
    ready = prepare(recipe)
    left_out = reader.load_weights(ready.module, weights)
    if left_out:
        console.print(f"{weights.name}: {left_out}", highlight=False)
    run = new_run(recipe, root)
    try:
        return _measure(ready, names, run, console)
    finally:
        run.unlock()


def _with_protocols(ready: Ready, names: list[str]) -> Ready:
    evaluation = replace(ready.recipe.evaluation, protocols=names)
    return replace(ready, recipe=replace(ready.recipe, evaluation=evaluation))


def _measure(ready: Ready, names: list[str], run: RunFolder, console: Console) -> Record:
    started = time.perf_counter()
    source = describe_source(ready.recipe.paper)
    metrics = evaluate(ready, names, "test")
    measured = RunMeasurements(
        metrics=metrics,
        references=measure_references(_with_protocols(ready, names)),
        selection="last",
        batches=0,
        epochs=0,
        wall_s=time.perf_counter() - started,
        samples_per_s=0.0,
        wait_share=0.0,
        devices=1,
        parameters=num_parameters(ready.module),
        weights="published",
    )
    record = make_record(ready.recipe, ready.data, source, run, measured, None)
    # Another protocol than the recipe's is no other recipe: its reported numbers apply.
    record = replace(record, protocol="+".join(names))
    write_record(record, run.path)
    show_result(record, run, console)
    return record
