"""How the command shows warnings and tables."""

import warnings
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.measure import Measurement, measure_renderables
from rich.table import Table

from common.config.checkout import SOURCE_ROOT

ANY_WIDTH = 10_000  # more than a table needs


def say_warnings() -> None:
    """Shows the project's warnings in their own words alone, all others as Python does."""
    ours, python_shows = [SOURCE_ROOT / name for name in ("common", "papers")], warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if any(Path(filename).is_relative_to(folder) for folder in ours):
            say(f"warning: {message}", style="yellow")
        else:
            python_shows(message, category, filename, lineno, file, line)

    warnings.showwarning = show


def say(text: str, style: str | None = None) -> None:
    """Prints ``text`` as it is, on the error stream."""
    console = Console(stderr=True, emoji=False)
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def plain_table(*columns: str) -> Table:
    """Returns an empty table without lines, its columns apart by two spaces."""
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def print_table(table: Table, console: Console) -> None:
    """Prints ``table``, to a file each row in one line, however long.

    On a terminal too narrow for that, columns without ``ratio`` are as wide as their longest word:
    left to itself, rich breaks the words of the widest.
    """
    unbounded = console.options.update(width=ANY_WIDTH)
    whole = Measurement.get(console, unbounded, table).maximum
    if not console.is_terminal:
        table.width = whole
    elif whole > console.width:
        for column in table.columns:
            if not column.flexible:
                words = [column.header, *column.cells]
                column.width = measure_renderables(console, unbounded, words).minimum
    console.print(table, crop=console.is_terminal)
