"""How the command shows warnings and tables."""

import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement, measure_renderables
from rich.segment import Segment
from rich.table import Table

from common.config.checkout import SOURCE_ROOT
from common.errors import LikewiseError

HEAD, TAIL = 600, 300  # letters of a long line that are shown
# A file's name may hold what moves the cursor or colours the terminal.
CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
}
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


class LastingStream:
    """A stream whose fault ends no work: what comes after it goes nowhere, and `check` tells."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Returns what the stream has."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes ``text``, where that is still possible."""
        self._do(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Writes what the stream holds, where that is still possible."""
        self._do(self._stream.flush)

    def _do(self, action: Callable[..., Any], *words: str) -> None:
        try:
            action(*words)
        except OSError as error:
            self._error = error
            # What the stream still holds goes there, too, when Python ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def check(self) -> None:
        """Raises `LikewiseError` where something was lost; a reader that left has had enough."""
        self.flush()
        if self._error is not None and not isinstance(self._error, BrokenPipeError):
            raise LikewiseError(f"standard output: {self._error.strerror}")


@contextmanager
def lasting_streams() -> Iterator[LastingStream]:
    """Within it a full disk or a closed terminal ends no work; yields the output's stream."""
    former = sys.stdout, sys.stderr
    errors = getattr(sys.stdout, "errors", None)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text that it takes
        sys.stdout.reconfigure(errors="backslashreplace")
    output = LastingStream(sys.stdout)
    sys.stdout, sys.stderr = output, LastingStream(sys.stderr)
    try:
        yield output
    finally:
        sys.stdout, sys.stderr = former
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors=errors)


class Screen(Console):
    """A console that shows texts as they are, brackets too, but control characters as numbers."""

    def __init__(self, **options: Any) -> None:
        # autotcl/uea:coffee: is a variant, and runs [old] a folder.
        super().__init__(emoji=False, markup=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Renders; rich's own control segments stay."""
        for segment in super().render(renderable, options):
            is_text = not segment.control
            yield segment._replace(text=segment.text.translate(CONTROLS)) if is_text else segment


def shortened(text: str) -> str:
    """Returns ``text`` with the middle of very long lines left out."""
    lines = text.split("\n")
    long = HEAD + TAIL
    return "\n".join(f"{x[:HEAD]} ... {x[-TAIL:]}" if len(x) > long else x for x in lines)


def say(text: str, style: str | None = None) -> None:
    """Prints ``text`` as it is, but for the middle of very long lines, on the error stream."""
    Screen(stderr=True).print(shortened(text), style=style, soft_wrap=True)


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
