"""Run folders: ``runs/<paper>/<recipe>[-variant]/<run id>/``, one writer at a time."""

import fcntl
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from omegaconf import OmegaConf
from rich.console import Console

from common.config import Recipe, recipe_from_dict
from common.errors import UsageError
from common.files import write_atomic
from common.layers import read_yaml


@dataclass
class RunFolder:
    """A run's folder; its name is the run id, made before training starts."""

    path: Path
    # The command that uploads an offline run, once it has ended.
    upload: str | None = None
    _lock: IO[str] | None = None

    @property
    def id(self) -> str:
        """The run id, which every checkpoint, record and tracker carries."""
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        """The folder of the run's checkpoints."""
        return self.path / "checkpoints"

    @property
    def plots(self) -> Path:
        """The folder of the run's pictures, made where there are any."""
        return self.path / "plots"

    @property
    def root(self) -> Path:
        """The folder that `new_run` was given."""
        return self.path.parents[2]

    @property
    def record(self) -> Path:
        """The run's result record, written when it has finished."""
        return self.path / "result.json"

    def read_recipe(self) -> Recipe:
        """Returns the recipe the run was started with."""
        config = self.path / "config.yaml"
        return recipe_from_dict(read_yaml(config), str(config))

    def say(self, text: str, console: Console, style: str | None = None) -> None:
        """Prints ``text`` and appends it with the time to ``log.txt``."""
        if self._lock is None:  # another process writes here
            return
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        with (self.path / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    def lock(self) -> None:
        """Takes the folder for this process; the lock dies with the process.

        Raises:
            UsageError: If another live process is writing here.
        """
        handle = (self.path / "run.lock").open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            handle.close()
            raise UsageError(
                f"{self.path}: in use by process {owner}; wait for it or stop it first"
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._lock = handle

    def unlock(self) -> None:
        """Gives the folder back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def new_run_id() -> str:
    """Returns an id that sorts by time and is not given twice in a second."""
    return time.strftime("%y%m%d-%H%M%S") + "-" + secrets.token_hex(2)


def run_path(recipe: Recipe, root: Path, run_id: str) -> Path:
    """Returns where the run of ``recipe`` with that id lies below ``root``."""
    return root / recipe.paper / recipe.folder / run_id


def new_run(recipe: Recipe, root: Path) -> RunFolder:
    """Makes and locks the folder of a new run and writes its ``config.yaml``.

    Raises:
        UsageError: If ``root`` cannot be written.
    """
    run_id = new_run_id()
    if "WANDB_SWEEP_ID" in os.environ:  # a sweep's agent has chosen the id already
        run_id = os.environ.get("WANDB_RUN_ID", run_id)
    run = RunFolder(run_path(recipe, root, run_id))
    try:
        run.checkpoints.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"{run.path}: cannot be made ({error.strerror}); choose --runs DIR"
        ) from None
    run.lock()
    write_atomic(run.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(recipe.to_dict())))
    return run


def open_run(path: Path) -> RunFolder:
    """Returns the run at ``path``.

    Raises:
        UsageError: If ``path`` is no run folder.
    """
    if not (path / "config.yaml").is_file():
        raise UsageError(f"{path}: no run folder (it has no config.yaml)")
    return RunFolder(path.resolve())
