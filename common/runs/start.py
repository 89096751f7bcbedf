"""Starts and resumes runs for the command: locks, messages, the last screen."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from common.cli.messages import plain_table, print_table
from common.config.overrides import changed_words
from common.config.references import recipe_names
from common.config.schema import Recipe
from common.data.workers import died_in_words
from common.errors import LikewiseError
from common.results.pages.formatting import decimals_of, number
from common.results.record import NO_NUMBER, Record, read_record
from common.runs.checkpoints import last_good_checkpoint
from common.runs.files import remove_torn
from common.runs.folder import RunFolder, new_run
from common.runs.launch import is_main_process, launched_by_lightning
from common.runs.run import prepare, train
from common.runs.signals import interrupts_wait
from common.runs.stop import RunStopped, Terminations


def start(
    recipe: Recipe, root: Path, console: Console, deadline: float | None = None
) -> Record | None:
    """Trains ``recipe`` in a new folder below ``root``."""
    with Terminations() as terminations, ExitStack() as ending:
        ready = prepare(recipe)
        with interrupts_wait():  # from the folder on, one is said with the folder's name
            # The other processes of a launch write nothing; their folder is never made.
            run = new_run(recipe, root) if is_main_process() else RunFolder(root / "not-main")
            ending.enter_context(_ended_in_words(run, terminations))
        record = _to_the_end(run, train(ready, run, console, None, deadline))
    _show(record, recipe, run, console)
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
    with Terminations() as terminations, _ended_in_words(run, terminations):
        if run.record.is_file():
            read_record(run.record)  # a torn or newer one is no proof that the run is complete
            console.print(f"{run.path}: complete already, nothing to resume", soft_wrap=True)
            return None
        if is_main_process():
            remove_torn(run.path, run.checkpoints, run.plots)
        checkpoint = _choose_checkpoint(run, console)
        ready = prepare(recipe, resumed=checkpoint is not None)
        record = _to_the_end(run, train(ready, run, console, checkpoint, deadline))
    _show(record, recipe, run, console)
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


@contextmanager
def _worker_deaths_in_words() -> Iterator[None]:
    """Torch's signal handler raises wherever the training stands, also outside of the loader.

    Code that it interrupts may make an error of its own of it, as `inspect` does.
    """
    try:
        yield
    except Exception as error:
        first: BaseException | None = error
        while first is not None:
            if isinstance(first, RuntimeError) and (said := died_in_words(first)):
                raise LikewiseError(said) from error
            first = first.__cause__ or first.__context__
        raise


@contextmanager
def _ended_in_words(run: RunFolder, terminations: Terminations) -> Iterator[None]:
    """Says in the log, too, why the work on ``run`` ended early; gives the folder back."""
    go_on = f"go on with: papers resume {run.path}"
    try:
        with _worker_deaths_in_words():
            yield
    except LikewiseError as error:
        if isinstance(error, RunStopped) and not is_main_process():
            # All stop together. Lightning kills a main process beside one that left with an error;
            # another launcher hears from each process what it hears from the main one.
            raise SystemExit(int(error.by_user and not launched_by_lightning())) from None
        if is_main_process() and any(run.checkpoints.glob("batch-*.ckpt")):
            error.args = (f"{error}\n{go_on}",)
        run.say(f"ended: {error}", Console(quiet=True))
        raise
    except (KeyboardInterrupt, SystemExit, RuntimeError) as error:
        # Lightning makes the second of the first, and the third where it has no batches yet.
        if isinstance(error, RuntimeError) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        if not is_main_process():
            # The main one says it, and Ctrl-C comes to all: Lightning would kill the main process
            # beside an error. A SIGTERM may be for this one alone, whose launcher must hear of it.
            to_all = launched_by_lightning() and terminations.word == "interrupted"
            raise SystemExit(int(not to_all)) from None
        stop = RunStopped(f"{terminations.word}; {go_on}")
        stop.by_user = True
        run.say(str(stop), Console(quiet=True))
        raise stop from None
    finally:
        run.unlock()


def _to_the_end(run: RunFolder, record: Record | None) -> Record | None:
    """Says in the log that the run is complete, as long as the folder is this process's."""
    if record is not None:
        run.say(f"complete: {training_text(record) or 'nothing trained'}", Console(quiet=True))
    return record


def _show(record: Record | None, recipe: Recipe, run: RunFolder, console: Console) -> None:
    if record is not None:
        if trained := training_text(record):
            console.print(trained, highlight=False, soft_wrap=True)
        show_result(record, run, console)
        show_next(recipe, run, console)


def training_text(record: Record) -> str:
    """Returns how long the run took and how fast it trained; nothing where it did not train."""
    if not record.batches:
        return ""
    return (
        f"{record.epochs} epoch{'s' * (record.epochs != 1)}, {record.batches} batches; "
        f"{record.wall_s:.0f} s with evaluation; {record.samples_per_s:.0f} samples/s in training, "
        f"{100 * record.data_wait_share:.0f} % of the step time waiting for data"
    )


def show_result(record: Record, run: RunFolder, console: Console) -> None:
    """Prints what was measured, beside what it is measured against, and where it is stored."""
    columns = {"this run": record.metrics, **record.references}
    title = f"{record.reference}, {record.protocol} on {record.data}"
    console.print(title, style="bold", highlight=False, soft_wrap=not console.is_terminal)
    table = plain_table()
    table.add_column("metric", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for metric in record.metrics:
        if not metric.endswith("_std"):
            cells = [_cell(column, metric) for column in columns.values()]
            table.add_row(metric.removeprefix("test/"), *cells)
    if record.metrics:
        print_table(table, console)
    else:
        console.print("nothing measured: evaluation.protocols is empty")
    if record.scaled and record.scaled_reason != NO_NUMBER:
        reason = f"beside no reported number: {record.scaled_reason}"
        console.print(reason, highlight=False, markup=False, soft_wrap=True)
    console.print(f"stored in {run.path}", highlight=False, soft_wrap=True)
    if any(run.plots.glob("*.png")):
        console.print(f"plots: {run.plots}", highlight=False, soft_wrap=True)
    if run.upload is not None:
        console.print(f"tracked on this disk only; to upload: {run.upload}", soft_wrap=True)


def _cell(column: Mapping[str, float | None], metric: str) -> str:
    value, spread = column.get(metric), column.get(f"{metric}_std")
    if value is None:
        return "-"
    places = decimals_of(value)
    return number(value, places) + ("" if spread is None else f" ±{number(spread, places)}")


def show_next(recipe: Recipe, run: RunFolder, console: Console) -> None:
    """Prints what can be run after a training; the words of this one are repeated."""
    again = ["papers", "train", recipe.reference, f"seed={recipe.seed + 1}", *changed_words(recipe)]
    if run.root.resolve() != Path("runs").resolve():
        again += ["--runs", str(run.root)]
    steps = [
        (shlex.join(again), "another seed"),
        (shlex.join(["papers", "evaluate", str(run.path)]), "its protocols again"),
        (f"papers info {recipe.paper}", "recipes and reported numbers"),
    ]
    if recipe.file is None and recipe.recipe not in recipe_names(recipe.paper):
        del steps[0]  # of a user's own recipe that was resumed: its file is not known
    lines = "\n".join(f"       {words}    {what}" for words, what in steps)
    said = lines.replace("     ", "next:", 1)
    console.print(said, highlight=False, markup=False, soft_wrap=True)
