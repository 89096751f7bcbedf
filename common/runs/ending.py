"""How a run ends: the log says why, and the folder is given back."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from common.data.workers import died_in_words
from common.errors import LikewiseError
from common.ranks import is_main_process, launched_by_lightning
from common.results.record import Record
from common.runs.folder import RunFolder
from common.runs.interruption import RunStopped, Terminations
from common.runs.summary import training_text


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
def ended_in_words(run: RunFolder, terminations: Terminations) -> Iterator[None]:
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


def to_the_end(run: RunFolder, record: Record | None) -> Record | None:
    """Says in the log that the run is complete, as long as the folder is this process's."""
    if record is not None:
        run.say(f"complete: {training_text(record) or 'nothing trained'}", Console(quiet=True))
    return record
