"""Starts a run for the command: its folder, its training, the last screen."""

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from common.config.schema import Recipe
from common.ranks import is_main_process
from common.results.record import Record
from common.runs.ending import ended_in_words, to_the_end
from common.runs.folder import RunFolder, new_run
from common.runs.interruption import Terminations
from common.runs.run import prepare, train
from common.runs.signals import interrupts_wait
from common.runs.summary import show_end


def start(
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
        ready = prepare(recipe)
        with interrupts_wait():  # from the folder on, one is said with the folder's name
            # The other processes of a launch write nothing; their folder is never made.
            run = new_run(recipe, root) if is_main_process() else RunFolder(root / "not-main")
            ending.enter_context(ended_in_words(run, terminations))
        record = to_the_end(run, train(ready, run, console, None, deadline))
    show_end(record, recipe, run, console, planned)
    return record
