"""Records of tracked runs: `papers leaderboard --wandb ENTITY/PROJECT`.

A run that is tracked keeps its record, as text, in its W&B summary. It is checked like a file that
a stranger sent, then filed under ``results/``: the leaderboard itself never needs the network.
"""

import re
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from common.errors import LikewiseError, UsageError
from common.results.record import (
    Record,
    RecordError,
    commit_record,
    has_rows,
    load_records,
    parse_record,
    trial_problem,
)
from common.tracking.tracker import sync_line

SUMMARY_KEY = "record"


class TrackedRun(Protocol):
    """What is read of ``wandb.apis.public.Run``."""

    id: str
    name: str
    state: str
    entity: str
    project: str
    summary: Any


@dataclass
class Imported:
    """What came of it: files written, run ids known before, and why the others were left."""

    written: list[Path] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def import_tracked(project: str, results: Path, api: Any = None) -> Imported:
    """Files the records of a project's finished runs under ``results``.

    Args:
        project: ``ENTITY/PROJECT``.
        results: The folder of the records.
        api: An object with ``runs(path)``, such as ``wandb.Api()``, which is the default.

    Raises:
        UsageError: ``project`` is not of that form.
        LikewiseError: W&B cannot be asked; says why.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", project):
        raise UsageError(f"--wandb {project!r}: write ENTITY/PROJECT")
    found = Imported()
    known = {record.run_id for record in load_records(results)}
    for run in _runs(project, api):
        record = _record_of(run, found)
        if record is None:
            continue
        if record.run_id in known:
            found.known.append(record.run_id)
            continue
        known.add(record.run_id)
        found.written.append(commit_record(record, results))
    return found


def offline_runs(runs: Path) -> list[str]:
    """Returns the ``wandb sync`` line of each run below ``runs`` that has offline parts to upload.

    W&B lays a ``.wandb.synced`` file into a part that it has uploaded. The job of ``docs/slurm.sh``
    has its run one folder deeper, below ``slurm-JOB``.
    """
    waiting = {
        part.parents[1]
        for depth in ("*/*/*", "*/*/*/*")
        for part in runs.glob(f"{depth}/wandb/offline-run-*")
        if not any(part.glob("*.wandb.synced"))
    }
    return [line for folder in sorted(waiting) if (line := sync_line(folder))]


def _runs(project: str, api: Any) -> list[TrackedRun]:
    try:
        api = api or import_module("wandb").Api()
        # W&B reads pages as the loop asks for them: all are read here, where errors are told.
        return list(api.runs(project))
    except Exception as error:
        raise LikewiseError(f"--wandb {project} cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _record_of(run: TrackedRun, found: Imported) -> Record | None:
    """Returns the run's record, bound to where it was found; notes the reason if there is none."""
    if run.state != "finished":
        found.skipped.append(f"{run.name} ({run.id}): its state is {run.state}")
        return None
    try:
        text = run.summary.get(SUMMARY_KEY)  # W&B asks for a summary when it is first used
    except Exception as error:
        found.skipped.append(f"{run.name} ({run.id}): its summary cannot be read: {_reason(error)}")
        return None
    if not isinstance(text, str):
        found.skipped.append(f"{run.name} ({run.id}): holds no record")
        return None
    try:
        record = parse_record(text, f"{run.name} ({run.id})")
    except RecordError as error:
        found.skipped.append(str(error))
        return None
    if record.run_id != run.id:
        found.skipped.append(f"{run.name} ({run.id}): holds the record of {record.run_id}")
        return None
    if not has_rows(record):
        found.skipped.append(f"{run.name} ({run.id}): {record.paper} is no paper of this project")
        return None
    if problem := trial_problem(record.paper, record.config):
        found.skipped.append(f"{run.name} ({run.id}): {problem}")
        return None
    return replace(record, wandb=f"{run.entity}/{run.project}/{run.id}")
