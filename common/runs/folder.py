"""Run folders: ``runs/<paper>/<recipe>[-variant]/<run id>/``, one writer at a time."""

import contextlib
import fcntl
import os
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from rich.console import Console

from common.config.checkout import SOURCE_ROOT
from common.config.console import CONTROLS
from common.config.files import write_atomic
from common.config.recipe import recipe_from_dict
from common.config.references import is_method
from common.config.schema import Recipe
from common.config.yaml_io import read_yaml, to_yaml
from common.errors import ConfigError, UsageError
from common.results.record import TRIED, trial_problem

DEPTH = 3  # paper/recipe/run below the root
STAMP, FINISHED = "%y%m%d-%H%M%S", "%Y-%m-%dT%H:%M:%SZ"


class RunInUse(UsageError):
    """A run whose folder another live process is writing."""


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
        """The folder of the run's images, made where there are any."""
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
        """Returns the recipe the run was started with.

        Raises:
            ConfigError: One that the schema refuses, or a run of `papers try` outside of it.
        """
        config = self.path / "config.yaml"
        values = read_yaml(config)
        if (problem := trial_problem(str(values.get("paper")), values)) and not is_method(TRIED):
            raise ConfigError(f"{self.path}: {problem}")
        return recipe_from_dict(values, str(config))

    def say(self, text: str, console: Console, style: str | None = None) -> None:
        """Prints ``text`` and appends it with the time to ``log.txt``."""
        if self._lock is None:  # another process writes here
            return
        console.print(text, style=style, soft_wrap=True)
        # A full disk must not hide what is said, which may be that the disk is full.
        with (
            contextlib.suppress(OSError),
            (self.path / "log.txt").open("a", encoding="utf-8", errors="backslashreplace") as log,
        ):
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text.translate(CONTROLS)}\n")

    def finish_time(self) -> str:
        """Returns the time in UTC as records hold it, later than in all records of the recipe.

        The latest record of a seed counts, and a clock may have been set back since that one.
        """
        results = SOURCE_ROOT / "results" / self.path.parents[1].name
        beside = self.path.parent
        paths = [
            *beside.glob("*/result.json"),
            *beside.glob("*/evaluations/*/result.json"),
            *results.glob(f"{beside.name}-s*.json"),
        ]
        stamps = [stamp for path in paths for stamp in _finished(path)]
        return _later(stamps, FINISHED, datetime.fromtimestamp(time.time(), UTC))

    def lock(self) -> None:
        """Takes the folder for this process; raises as `take_lock`."""
        self._lock = take_lock(self.path / "run.lock")

    def unlock(self) -> None:
        """Gives the folder back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def take_lock(path: Path) -> IO[str]:
    """Returns the file ``path``, made and locked; the lock dies with the process.

    Raises:
        RunInUse: If another live process holds it.
        UsageError: If it cannot be written, or its file system knows no locks.
    """
    with contextlib.ExitStack() as opened:
        try:
            handle = opened.enter_context(path.open("a+"))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(handle, path):  # its last owner removed it in between
                return take_lock(path)
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            raise RunInUse(
                f"{path.parent}: in use by process {owner}; wait for it or stop it first"
            ) from None
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be locked ({error.strerror}); choose another folder by --runs DIR"
            ) from None
        opened.pop_all()
    return handle


def _is_at(file: IO[str], path: Path) -> bool:
    """Tells whether the open ``file`` is what lies at ``path`` now."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def new_run_id(folder: Path) -> str:
    """Returns an id that sorts after those of the runs in ``folder``, also if the clock went back.

    The newest run is the one whose id is the last.
    """
    found = [re.fullmatch(r"(\d{6}-\d{6})-[0-9a-f]{4}", path.name) for path in folder.glob("*")]
    stamps = [match[1] for match in found if match]
    return f"{_later(stamps, STAMP, datetime.fromtimestamp(time.time()))}-{secrets.token_hex(2)}"


def _finished(record: Path) -> list[str]:
    """Returns when a record says that its run finished; nothing of one that cannot be read."""
    with contextlib.suppress(OSError):
        text = record.read_text(encoding="utf-8", errors="replace")
        return re.findall(r'"finished": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"', text)[:1]
    return []


def _later(stamps: list[str], form: str, now: datetime) -> str:
    """Returns ``now`` in ``form``, or the second after the last of ``stamps`` that is a time."""
    text = now.strftime(form)
    for stamp in sorted(stamps):
        with contextlib.suppress(ValueError, OverflowError):
            after = datetime.strptime(stamp, form) + timedelta(seconds=1)
            text = max(text, after.strftime(form))
    return text


def run_path(recipe: Recipe, root: Path, run_id: str) -> Path:
    """Returns where the run of ``recipe`` with that id lies below ``root``."""
    return root / recipe.paper / recipe.folder / run_id


def new_run(recipe: Recipe, root: Path) -> RunFolder:
    """Makes and locks the folder of a new run and writes its ``config.yaml``.

    Call it within `interrupts_wait`, with what gives the folder back: a folder without the file
    cannot be resumed and is no run.

    Raises:
        UsageError: If ``root`` cannot be written, or a sweep's agent gives a run's id again.
    """
    run_id = new_run_id(root / recipe.paper / recipe.folder)
    if "WANDB_SWEEP_ID" in os.environ:  # a sweep's agent has chosen the id already
        run_id = os.environ.get("WANDB_RUN_ID", run_id)
    run = RunFolder(run_path(recipe, root, run_id))
    try:
        run.checkpoints.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(
            f"{run.path} exists already; go on with: papers resume {run.path}"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{run.path}: cannot be made ({error.strerror}); choose --runs DIR"
        ) from None
    run.lock()
    write_atomic(run.path / "config.yaml", to_yaml(recipe.to_dict()))
    return run


def is_run(path: str | Path) -> bool:
    """Tells whether ``path`` is a run's folder; of a word that is no path at all, that it is none.

    pathlib raises for a name that is too long, `os.path` does not.
    """
    return os.path.isfile(os.path.join(path, "config.yaml"))


def open_run(path: Path) -> RunFolder:
    """Returns the run at ``path``, relative to the current folder where it lies in it.

    Raises:
        UsageError: If ``path`` is no run folder.
    """
    if not is_run(path):
        depths = range(1, DEPTH + 1) if os.path.isdir(path) else ()
        below = [file for depth in depths for file in path.glob("*/" * depth + "config.yaml")]
        newest = max(below, key=lambda file: file.stat().st_mtime, default=None)
        hint = f"; the newest run below it is {newest.parent}" if newest else ""
        raise UsageError(f"{path}: no run folder (it has no config.yaml){hint}")
    whole = path.resolve()
    if whole.is_relative_to(Path.cwd()):
        relative = whole.relative_to(Path.cwd())
        if len(relative.parts) >= DEPTH:  # its name and the folders above it are asked for
            return RunFolder(relative)
    return RunFolder(whole)
