"""Shows the progress of what numbers compute: a bar on a terminal, else lines."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from common.evaluation import progress
from common.ranks import is_main_process

LINE_EVERY_S = 15.0


def _tell(text: str) -> None:
    """Prints a line on the error stream, once for all processes."""
    console = Console(stderr=True, quiet=not is_main_process())
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def time_left(seconds: float, done: int, total: int) -> str:
    """Returns how long the rest takes if it goes on as the ``done`` steps did in ``seconds``."""
    left = seconds * max(total - done, 0) / max(done, 1)
    if left < 100:
        return f"{left:.0f} s left"
    return f"{left / 60:.0f} min left" if left < 6_000 else f"{left / 3600:.1f} h left"


@contextmanager
def _show(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Gives ``advance(steps, text)``: a bar on a terminal, a line every 15 seconds elsewhere.

    Only the main process shows anything, on the error stream.
    """
    console = Console(stderr=True, quiet=not is_main_process())
    if not console.is_terminal:
        yield _lines(console, what, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps, text: bar.update(task, advance=steps, description=f"{what} {text}")


def _lines(console: Console, what: str, total: int) -> Callable[[int, str], None]:
    done, started = 0, time.perf_counter()
    written = started

    def advance(steps: int, text: str) -> None:
        nonlocal done, written
        done += steps
        now = time.perf_counter()
        if now - written >= LINE_EVERY_S:
            written = now
            left = time_left(now - started, done, total)
            console.print(f"  {what} {text} {done}/{total}, {left}", highlight=False)

    return advance


def show_progress_of_numbers() -> None:
    """Lets `common.evaluation.progress` show what it is told, on the main process."""
    progress.show_by(_show, _tell)
