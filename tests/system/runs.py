"""Runs in processes of their own that can be killed, forked from one that has imported all."""

from pathlib import Path
from typing import Any

from rich.console import Console

from tests.forks import CONTEXT


def _train(reference: str, overrides: list[str], root: Path, kill: Any) -> None:
    from common.config.recipe import load_recipe
    from common.runs.run import start_run

    kill.arm()
    start_run(load_recipe(reference, overrides), root, Console(quiet=True))


def _resume(run_dir: Path, kill: Any) -> None:
    from common.runs.folder import open_run
    from common.runs.run import resume_run

    if kill is not None:
        kill.arm()
    resume_run(open_run(run_dir), Console(quiet=True))


def train(reference, overrides, root, kill):
    """Trains until ``kill``, if it comes; returns the run's folder and the exit code."""
    process = CONTEXT.Process(target=_train, args=(reference, overrides, root, kill))
    process.start()
    process.join()
    return only_run(root), process.exitcode


def resume(run_dir, kill=None):
    """Resumes to the end; ``kill`` may change the process, such as its clock."""
    process = CONTEXT.Process(target=_resume, args=(run_dir, kill))
    process.start()
    process.join()
    assert process.exitcode == 0


def only_run(root):
    """Returns the one run folder below ``root``, or None."""
    found = list(Path(root).glob("*/*/*/config.yaml"))
    return found[0].parent if found else None
