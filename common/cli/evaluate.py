"""What `papers evaluate` does with what is no run of the project, or with a run on other data."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from common.cli.compare import print_block
from common.config.files import check_output, write_atomic
from common.config.overrides import is_setting
from common.config.yaml_io import parse_overrides
from common.errors import UsageError
from common.registry import PROTOCOLS
from common.results.figures import COLUMNS, as_csv, blocks_of

SKIP = "data.skip_unreadable"
# What a run takes of how other data are read; all else is its recipe's.
ACTION_COLUMNS = ("data.user", "data.item", "data.time")
READING = (SKIP, *ACTION_COLUMNS)
OUTPUTS = {".json": None, ".csv": None}


def split_words(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Returns the data that words name, if any, and the settings; raises `UsageError` for more."""
    data = [word for word in words if not is_setting(word)]
    for word in data:
        if word in PROTOCOLS and not os.path.exists(word):
            raise UsageError(f"{word}: is a protocol; give each an option: --protocol {word}")
    if len(data) > 1:
        raise UsageError(f"{data[1]}: one name of data can be given, and settings as key=value")
    return (data[0] if data else None), [word for word in words if word not in data]


def reading_settings(settings: dict[str, Any], data: str | None) -> dict[str, Any]:
    """Takes what says how data are read out of settings and returns it, without ``data.``.

    Raises:
        UsageError: A switch that is neither true nor false, images to skip where the data are no
            folder of images, or a column that is no name.
    """
    reading = {key: settings.pop(key) for key in READING if key in settings}
    for key, value in reading.items():
        if key == SKIP and not isinstance(value, bool):
            raise UsageError(f"{SKIP}={value}: must be true or false")
        if key != SKIP and not isinstance(value, str | None):
            raise UsageError(f"{key}={value}: must be the name of a column, or null")
    if reading.get(SKIP) and not os.path.isdir(os.path.expanduser(data or "")):
        given = f"{data} is none" if data else "none is given"
        raise UsageError(f"{SKIP}: is for a folder of images, and {given}")
    return {key.removeprefix("data."): value for key, value in reading.items()}


def only_reading(
    words: Sequence[str], data: str | None, keys: Sequence[str], hint: str = ""
) -> dict[str, Any]:
    """Returns `reading_settings` of ``words``, of which a run takes no others than ``keys``.

    Raises:
        UsageError: As `reading_settings`, or another key; ``hint`` says where that belongs.
    """
    settings = parse_overrides([*words])
    reading = reading_settings(settings, data)
    if settings:
        said = f"{' '.join(settings)}: {hint}a run has its own recipe, of which only"
        raise UsageError(f"{said} {', '.join(keys)} can be set")
    return reading


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
    settings = {
        key.removeprefix("evaluation."): value for key, value in parse_overrides(words).items()
    }
    if Path(what).suffix and ":" not in what and not Path(what).expanduser().exists():
        raise UsageError(f"{what}: no such file")
    from common.config.recipe import as_seed
    from common.runs.encoders import find_measurable, of_run
    from common.runs.measured import check_keys, measure_all

    reading = reading_settings(settings, data)
    given = settings.pop("seed", 0)
    if (seed := as_seed(given)) is None:
        raise UsageError(f"seed={given}: a whole number from 0 is needed")
    check_keys(settings)
    if weights is None and os.path.isdir(what) and data is not None:
        found = of_run(Path(what), data, seed, reading)
    else:
        skip = reading.pop("skip_unreadable", False)
        for key in reading:
            raise UsageError(f"data.{key}: is for a run on users' actions, and {what} is none")
        found = find_measurable(what, data, seed, weights, skip)
    result = measure_all(found, protocols or [], settings, seed)
    for block in blocks_of([result]):
        print_block(block, console)
    for path in out:
        write_atomic(path, result.to_json() if path.suffix == ".json" else as_csv([result]))
        console.print(f"wrote {path}", soft_wrap=True)
    if wandb is not None:
        from common.tracking.wandb_table import log_table

        console.print(log_table(wandb, "evaluation", COLUMNS, result.rows()))
