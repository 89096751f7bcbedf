"""How the command shows warnings, tables and options that it does not know."""

import shlex
import sys
import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.measure import Measurement, measure_renderables
from rich.table import Table

from common.checkout import SOURCE_ROOT
from common.config.recipe import SECTIONS, load_recipe
from common.errors import UsageError
from common.layers import SYNONYMS, TOP_LEVEL
from common.nearest import nearest_key

NO_DASHES = "values of the recipe have no dashes: write"
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


def option_hint(error: Any, words: list[str] | None = None) -> str | None:
    """Returns how to write an unknown option, where it may be a value of the recipe.

    Args:
        error: Click's error of bad usage.
        words: The command line; this process's by default.
    """
    option, words = getattr(error, "option_name", None), words or sys.argv
    command = getattr(getattr(error, "ctx", None), "command", None)
    possible = getattr(error, "possibilities", None) or []
    if option and get_close_matches(option, possible, cutoff=0.8):
        return None  # Click names it; among others that are not near
    if not option or "overrides" not in [entry.name for entry in getattr(command, "params", [])]:
        return None
    value, short = "VALUE", not option.startswith("--")  # of -lr Click names the first letter only
    for word, after in zip(words, [*words[1:], value], strict=True):
        name, equals, given = word.partition("=")
        if name == option or (short and name.startswith(option)):
            option, value = name, given if equals else after
            if value.startswith("--"):
                value = "VALUE"  # the next option
            break
    key = _key_of(option.lstrip("-").replace("-", "_"), words)
    if key is None:
        return f"{NO_DASHES} KEY=VALUE; `papers train PAPER --print-config` shows the keys"
    written = key if "=" in key else f"{key}={value}"  # an entry of a list, with its place
    return f"{NO_DASHES} {shlex.quote(written)}"


def _key_of(name: str, words: list[str]) -> str | None:
    """Returns the key that ``name`` may be of the recipe among ``words``, None if there is none."""
    for word in words:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                recipe = load_recipe(word)
        except UsageError:
            continue
        schema = {section: getattr(recipe, section) for section in SECTIONS}
        return nearest_key(name, list(TOP_LEVEL), schema) or SYNONYMS.get(name.rpartition(".")[2])
    return None
