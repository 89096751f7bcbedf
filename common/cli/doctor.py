"""What `papers doctor` does: shows what is wrong with a run, and what to try."""

import json
from pathlib import Path

from rich.console import Console

from common.config.console import plain_table, print_table
from common.config.overrides import changed_words
from common.config.schema import Recipe
from common.runs.folder import open_run


def diagnose(run_dir: Path, as_json: bool, console: Console) -> None:
    """Shows the findings of a run, each with its figure and the next thing to try.

    Raises:
        UsageError: No run's folder.
        DataError: The run's data are not where they were.
    """
    run = open_run(run_dir)
    from common.doctor.findings import ABOVE, findings_in
    from common.doctor.look import look

    looked = look(run)
    found = findings_in(looked)
    if as_json:
        console.file.write(json.dumps([one._asdict() for one in found], indent=2) + "\n")
        return
    if not found:
        console.print(f"{run_dir}: nothing found", soft_wrap=True)
        return _show_changed(looked.recipe, console)
    table = plain_table("finding", "figure", "to try")
    for one in found:
        table.add_row(*one)
    print_table(table, console)
    if sum(not one.advice.startswith(ABOVE) for one in found) > 1:
        console.print("these belong together: try them in one run")
    _show_changed(looked.recipe, console)


def _show_changed(recipe: Recipe, console: Console) -> None:
    """Names the run's own settings, which no finding may name though they are the cause."""
    words = [word for word in changed_words(recipe) if word.startswith(("method.", "optimizer."))]
    if words:
        text = (
            f"This run changes its recipe {recipe.reference}: {' '.join(words)}. Where you chose "
            "one of these yourself, a run without it shows whether it is the cause."
        )
        console.print(text, soft_wrap=True)
