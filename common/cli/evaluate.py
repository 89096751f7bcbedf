"""What `papers evaluate` does with what is no run of the project, or with a run on other data."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from common.cli.compare import print_block
from common.cli.reading import READING, reading_settings
from common.config.files import check_output, write_atomic
from common.config.yaml_io import parse_overrides
from common.errors import UsageError
from common.results.figures import COLUMNS, as_csv, blocks_of

if TYPE_CHECKING:  # it imports torch
    from common.runs.encoders import Measurable

OUTPUTS = {".json": None, ".csv": None}


def evaluate_anything(
    what: str,
    data: str | None,
    words: list[str],
    protocols: list[str] | None,
    out: list[Path],
    force: bool,
    console: Console,
    wandb: str | None = None,
    weights: Path | None = None,
) -> None:
    """Measures, shows a table and writes files.

    Args:
        what: A run's folder with ``data``, a file of vectors, a network or a function.
        data: What it is measured on.
        words: ``protocol.key=value``, ``seed=0`` and those of `READING`.
        protocols: Those that are asked for; None: all that fit.
        out: Files ``.json`` and ``.csv`` to write.
        force: Whether files that exist are replaced.
        console: Where the table is shown.
        wandb: ``ENTITY/PROJECT`` of W&B, where the table is logged, too.
        weights: A file of them, for a network of timm or torchvision.

    Raises:
        UsageError: Words that are no settings, or files that are missing or not to be written.
    """
    for path in out:
        check_output(path, OUTPUTS, force)
    if wandb is not None:
        from common.tracking.wandb_table import check_project, log_table

        check_project(wandb)
    parsed = parse_overrides(words)
    settings = {key.removeprefix("evaluation."): parsed[key] for key in parsed}
    if Path(what).suffix and ":" not in what and not Path(what).expanduser().exists():
        raise UsageError(f"{what}: no such file")
    from common.config.recipe import as_seed
    from common.runs.measured import check_keys, measure_all

    reading = reading_settings(settings, data, READING)
    given = settings.pop("seed", 0)
    if (seed := as_seed(given)) is None:
        raise UsageError(f"seed={given}: a whole number from 0 is needed")
    check_keys(settings)
    found = _find(what, data, seed, weights, reading)
    result = measure_all(found, protocols or [], settings, seed)
    for block in blocks_of([result]):
        print_block(block, console)
    for path in out:
        write_atomic(path, result.to_json() if path.suffix == ".json" else as_csv([result]))
        console.print(f"wrote {path}", soft_wrap=True)
    if wandb is not None:
        console.print(log_table(wandb, "evaluation", COLUMNS, result.rows()))


def _find(
    what: str, data: str | None, seed: int, weights: Path | None, reading: dict[str, Any]
) -> "Measurable":
    """Returns what `evaluate_anything` measures; ``reading`` says how a run's other data is read.

    Raises:
        UsageError: Settings of reading for what is no run, or what is not found.
    """
    from common.runs.encoders import find_measurable, of_run

    if weights is None and os.path.isdir(what) and data is not None:
        return of_run(Path(what), data, seed, reading)
    skip = reading.pop("skip_unreadable", False)
    if reading:
        raise UsageError(f"data.{next(iter(reading))}: is for a run of yours, and {what} is none")
    return find_measurable(what, data, seed, weights, skip)
