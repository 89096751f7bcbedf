"""The last screen of a run: what was measured, where it is stored, what can be run next."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from common.config.console import plain_table, print_table
from common.config.overrides import changed_words
from common.config.references import recipe_names
from common.config.schema import Recipe
from common.data.modality import find_set
from common.paper import get_paper
from common.results.gains import no_gain
from common.results.metrics import arrow
from common.results.pages.formatting import decimals_of, number
from common.results.record import NO_NUMBER, TRIED, Record
from common.runs.folder import RunFolder

# Our networks that torchvision has, too.
IN_LIBRARIES = ("resnet18", "resnet50", "vit_base", "vit_small", "vit_tiny")
NOTHING = {
    "untrained": "This training did not help: the untrained encoder is",
    "raw": "The data as they are, without an encoder, are",
}


def show_end(
    record: Record | None,
    recipe: Recipe,
    run: RunFolder,
    console: Console,
    planned: list[str] | None = None,
) -> None:
    """Prints what a run came to and what can be run next; nothing where it has no record.

    ``planned`` are the words that plan the recipe, where it is for data of the user's own.
    """
    if record is not None:
        if trained := training_text(record):
            console.print(trained, soft_wrap=True)
        show_result(record, run, console)
        if not hasattr(recipe.method, "group"):  # a trial's runs are its own command's
            show_next(recipe, run, console, planned, not any(no_gain(record)))


def training_text(record: Record) -> str:
    """Returns how long the run took and how fast it trained; nothing where it did not train."""
    if not record.batches:
        return ""
    return (
        f"{record.epochs} epoch{'s' * (record.epochs != 1)}, {record.batches} batches; "
        f"{record.wall_s:.0f} s with evaluation; {record.samples_per_s:.0f} samples/s in training, "
        f"{100 * record.data_wait_share:.0f} % of the step time waiting for data"
    )


def measuring_text(recipe: Recipe) -> str:
    """Returns what is about to be measured, which can take longer than a training; or nothing."""
    evaluation = recipe.evaluation
    beside = f", also of {', '.join(evaluation.references)}" if evaluation.references else ""
    return f"measuring {', '.join(evaluation.protocols)}{beside}" if evaluation.protocols else ""


def show_result(record: Record, run: RunFolder, console: Console) -> None:
    """Prints what was measured, beside what it is measured against, and where it is stored."""
    columns = {"this run": record.metrics, **record.references}
    measured = f", {record.protocol}" if record.protocol else ""
    title = f"{record.reference}{measured} on {record.data}"
    console.print(title, style="bold", soft_wrap=not console.is_terminal)
    table = plain_table()
    table.add_column("metric", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for metric in record.metrics:
        if not metric.endswith(("_std", "_ties")):  # ties are in the record
            cells = [_cell(column, metric) for column in columns.values()]
            table.add_row(metric.removeprefix("test/") + arrow(metric), *cells)
    if record.metrics:
        print_table(table, console)
    else:
        console.print("nothing measured: evaluation.protocols is empty")
    for one in no_gain(record):
        what = NOTHING.get(one.reference, f"{one.reference}, which learns nothing, is")
        metrics = f"{one.lost} of {one.compared} metric{'s' * (one.compared > 1)}"
        said = f"{what} as good, up to chance, or better in {metrics}."
        console.print(said, style="yellow", soft_wrap=True)
    known = find_set(record.data)  # no paper reports a number of a user's own data or loss
    own = (known is not None and known.form) or record.arm == f"baseline/{TRIED}"
    if record.scaled and record.scaled_reason != NO_NUMBER and not own:
        reason = f"no reported number is set beside it: {record.scaled_reason}"
        console.print(reason, soft_wrap=True)
    plots = ", with plots" if any(run.plots.glob("*.png")) else ""
    console.print(f"stored in {_near(run.path)}{plots}", soft_wrap=True)
    if run.upload is not None:
        upload = run.upload.replace(f"{Path.cwd()}{os.sep}", "")
        console.print(f"tracked on this disk only; to upload: {upload}", soft_wrap=True)


def _near(path: Path) -> str:
    """Returns a path as it is typed from here, where it lies below."""
    return str(path).removeprefix(f"{Path.cwd()}{os.sep}")


def _cell(column: Mapping[str, float | None], metric: str) -> str:
    value, spread = column.get(metric), column.get(f"{metric}_std")
    if value is None:
        return "-"
    places = decimals_of(value)
    return number(value, places) + ("" if spread is None else f" ±{number(spread, places)}")


def show_next(
    recipe: Recipe,
    run: RunFolder,
    console: Console,
    planned: list[str] | None = None,
    helped: bool = True,
) -> None:
    """Prints what can be run after a training; the words of this one are repeated.

    ``helped`` tells whether it was better than what learns nothing.
    """
    seed = f"seed={recipe.seed + 1}"
    again = [recipe.reference, seed, *changed_words(recipe)]
    if planned:
        again = [*(word for word in planned if not word.startswith("seed=")), seed]
    again = ["papers", "train", *again]
    if run.root.resolve() != Path("runs").resolve():
        again += ["--runs", str(run.root)]
    folder = _near(run.path)
    steps = [(shlex.join(again), "another seed")]
    if planned or recipe.file is not None or recipe.data.path is not None:
        embed = ["papers", "embed", folder, "--data", "PATH"]
        steps.append((shlex.join(embed), "vectors of your data, with ids"))
        steps.append((shlex.join(["papers", "export", folder]), _encoder_text(recipe)))
    else:
        if recipe.evaluation.protocols:
            steps.append((shlex.join(["papers", "evaluate", folder]), "its protocols again"))
        steps.append((f"papers info {recipe.paper}", "recipes and reported numbers"))
    if get_paper(recipe.paper).target == "next item":
        words = shlex.join(["papers", "recommend", folder])
        steps.insert(1, (words, "the next items of each user, as a table"))
    if recipe.file is None and recipe.recipe not in recipe_names(recipe.paper):
        del steps[0]  # of a user's own recipe that was resumed: its file is not known
    if not helped:
        steps.append((shlex.join(["papers", "doctor", folder]), "what may be wrong with it"))
    lines = "\n".join(f"       {words}    {what}" for words, what in steps)
    said = lines.replace("     ", "next:", 1)
    console.print(said, soft_wrap=True)


def _encoder_text(recipe: Recipe) -> str:
    """Returns what an export holds, and whether other programs have its network."""
    name, width = (getattr(recipe.method, key, None) for key in ("backbone", "width"))
    if name is None or ":" in name:
        return "the trained encoder"
    if name in IN_LIBRARIES and width == 1:
        return "the trained encoder, for torchvision"
    return f"the trained encoder; no library has {name}, so that it opens with this project only"
