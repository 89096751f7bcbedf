"""A comparison as a table of a W&B run: `papers compare --wandb ENTITY/PROJECT`."""

import re
from collections.abc import Sequence
from importlib import import_module

from common.errors import LikewiseError, UsageError
from common.results.comparison import Arms
from common.results.pages.side_by_side import COLUMNS, arms_rows
from common.tracking.mode import resolve_mode


def log_table(project: str, found: Sequence[Arms]) -> str:
    """Logs all metrics of all arms as the table ``comparison`` of a new run; returns where.

    Offline, or for who is not logged in, the run stays in the folder ``wandb`` for `wandb sync`.

    Args:
        project: ``ENTITY/PROJECT``.
        found: The arms.

    Raises:
        UsageError: ``project`` is not of that form, or W&B is disabled.
        LikewiseError: W&B cannot be reached or refuses; says why.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", project):
        raise UsageError(f"--wandb {project!r}: write ENTITY/PROJECT")
    mode = resolve_mode("auto")
    if mode == "disabled":
        raise UsageError("--wandb: WANDB_MODE=disabled switches it off; set online or offline")
    entity, name = project.split("/")
    rows = [list(row) for arms in found for row in arms_rows(arms)]
    try:
        wandb = import_module("wandb")
        settings = wandb.Settings(console="off", disable_git=True, save_code=False, silent=True)
        where = {"entity": entity, "project": name, "job_type": "comparison", "mode": mode}
        with wandb.init(**where, settings=settings) as run:
            run.log({"comparison": wandb.Table(columns=list(COLUMNS), data=rows)})
            folder, link = run.settings.sync_dir, run.url if mode == "online" else None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LikewiseError(f"--wandb {project}: the table was not logged: {reason}") from error
    return f"logged to {link}" if link else f"to upload: wandb sync {folder}"
