"""Tables of W&B runs: a comparison's (`papers compare --wandb`), embeddings (`papers embed`)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from common.errors import LikewiseError, UsageError
from common.tracking.tracker import resolve_mode

# W&B keeps no more rows of a table.
MOST_ROWS = 10_000


def log_embeddings_table(project: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Logs ``embeddings`` (rows, dim) and what each row has, as the table ``embeddings``.

    Args:
        project: ``ENTITY/PROJECT``.
        arrays: As `papers embed` writes them; those of another length are left out.

    Returns:
        Where they are.

    Raises:
        UsageError: As `check_project`.
        LikewiseError: More than `MOST_ROWS`, or W&B cannot be reached or refuses.
    """
    vectors = arrays["embeddings"]
    if len(vectors) > MOST_ROWS:
        raise LikewiseError(
            f"--wandb {project}: {len(vectors):,} rows, and a table of W&B holds {MOST_ROWS:,}; "
            "embed fewer, or use the file"
        )
    columns = {name: array for name, array in arrays.items() if array.shape == vectors.shape[:1]}
    parts = [*(array.tolist() for array in columns.values()), vectors.tolist()]
    rows = zip(*parts, strict=True)
    return log_table(project, "embeddings", [*columns, "embeddings"], rows)


def check_project(project: str) -> str:
    """Returns the mode of W&B.

    Raises:
        UsageError: ``project`` is no ``ENTITY/PROJECT``, or W&B is disabled.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", project):
        raise UsageError(f"--wandb {project!r}: write ENTITY/PROJECT")
    mode = resolve_mode("auto")
    if mode == "disabled":
        raise UsageError("--wandb: WANDB_MODE=disabled switches it off; set online or offline")
    return mode


def log_table(
    project: str, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> str:
    """Logs a table in a run of its own; returns where.

    Offline, or for who is not logged in, the run stays in the folder ``wandb`` for `wandb sync`.

    Args:
        project: ``ENTITY/PROJECT``.
        name: What the table is called.
        columns: Their names.
        rows: As long as ``columns`` each.

    Raises:
        UsageError: As `check_project`.
        LikewiseError: W&B cannot be reached or refuses; says why.
    """
    mode = check_project(project)
    entity, _, short = project.partition("/")
    data = [list(row) for row in rows]
    try:
        wandb = import_module("wandb")
        settings = wandb.Settings(console="off", disable_git=True, save_code=False, silent=True)
        where = {"entity": entity, "project": short, "job_type": name, "mode": mode}
        with wandb.init(**where, settings=settings) as run:
            run.log({name: wandb.Table(columns=list(columns), data=data)})
            folder, link = run.settings.sync_dir, run.url if mode == "online" else None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LikewiseError(f"--wandb {project}: the table was not logged: {reason}") from error
    return f"logged to {link}" if link else f"to upload: wandb sync {folder}"
