"""Runs in processes of their own that can be killed, forked from one that has imported all."""

import multiprocessing
import time
from pathlib import Path

from rich.console import Console

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["common.execute", "papers.swav.module", "sklearn.datasets"])


def _train(reference: str, overrides: list[str], root: Path) -> None:
    from common.config import load_recipe
    from common.execute import start

    start(load_recipe(reference, overrides), root, Console(quiet=True))


def _resume(run_dir: Path) -> None:
    from common.execute import resume_run
    from common.runs import open_run

    resume_run(open_run(run_dir), Console(quiet=True))


def train(reference, overrides, root):
    """Trains to the end and returns the run's folder."""
    process = CONTEXT.Process(target=_train, args=(reference, overrides, root))
    process.start()
    process.join()
    assert process.exitcode == 0
    return only_run(root)


def train_and_kill(reference, overrides, root, when):
    """Kills the training with SIGKILL as soon as ``when(run_dir)`` holds; returns the folder."""
    process = CONTEXT.Process(target=_train, args=(reference, overrides, root))
    process.start()
    deadline = time.monotonic() + 600  # other work may hold every core
    while time.monotonic() < deadline and process.is_alive():
        run_dir = only_run(root)
        if run_dir is not None and when(run_dir):
            process.kill()
            break
        time.sleep(0.001)
    process.join()
    assert process.exitcode == -9, "the run ended before it could be killed"
    return only_run(root)


def resume(run_dir):
    """Resumes to the end."""
    process = CONTEXT.Process(target=_resume, args=(run_dir,))
    process.start()
    process.join()
    assert process.exitcode == 0


def only_run(root):
    """Returns the one run folder below ``root``, or None."""
    found = list(Path(root).glob("*/*/*/config.yaml"))
    return found[0].parent if found else None
