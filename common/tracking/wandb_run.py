"""The one way to W&B: a tracker that can die at any moment without the run noticing.

W&B lives in a process of its own (`common.tracking.wandb_process`), fed through a pipe by a
thread, so a call costs microseconds, nothing here imports W&B, and a tracker that crashes, hangs
or loses the network costs its own numbers only; the local files hold all of them.
"""

import contextlib
import importlib.util
import json
import os
import queue
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, SupportsFloat

from common.config import Recipe, TrackingConfig
from common.tracking.labels import process_rank, run_labels, without_secrets
from common.tracking.mode import resolve_mode

# How long the end of a run waits for the tracker, which goes on by itself after that.
FINISH_SECONDS = 8.0
# Far more than any healthy tracker leaves unread; beyond it the tracker hangs.
MAX_PENDING = 100_000
_SCRIPT = Path(__file__).with_name("wandb_process.py")
DEFAULT_PROJECT = TrackingConfig().project


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Tracker:
    """A W&B run, or nothing at all where tracking is disabled or has stopped.

    Every method returns at once and never raises, except that `finish` waits a few seconds. The
    first fault is said once; later calls do nothing.
    """

    def __init__(self, say: Callable[[str], None] = _say) -> None:
        """Makes a tracker that does nothing until `start`; ``say`` takes the warnings."""
        self.mode = "disabled"
        # entity/project/id, once W&B has confirmed an online run.
        self.path: str | None = None
        self._say = say
        self._run_dir = Path()
        self._run_id = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._pending: queue.Queue[dict[str, Any]] = queue.Queue(MAX_PENDING)
        self._ended = threading.Event()
        self._finished = False
        self._fault: str | None = None
        self._notice: str | None = None

    def start(
        self,
        run_dir: str | Path,
        run_id: str,
        config: Mapping[str, Any],
        tracking: TrackingConfig,
        name: str,
        group: str,
        job_type: str,
        tags: list[str],
        resumed: bool = False,
    ) -> None:
        """Opens the W&B run ``run_id``; its files stay in ``run_dir/wandb``.

        Args:
            run_dir: The run's folder.
            run_id: Made by us, and the same when the run is resumed.
            config: The resolved recipe and derived facts; texts that look secret are withheld.
            tracking: Mode, project and entity; ``WANDB_*`` fills what it leaves open.
            name: Readable, need not be unique.
            group: The same for all seeds of one setting.
            job_type: ``pretrain``, ``ablation``, ``baseline`` or ``evaluate``.
            tags: What to filter by.
            resumed: The run goes on from a checkpoint.
        """
        self.mode = resolve_mode(tracking.mode)
        if self.mode == "disabled":
            return
        self._run_dir, self._run_id = Path(run_dir).resolve(), run_id
        if importlib.util.find_spec("wandb") is None:
            self._stop("the package wandb cannot be found")
            return
        # Under a sweep W&B itself sets project, entity and id, from its environment.
        init = {
            "project": _first(tracking.project, os.environ.get("WANDB_PROJECT"), DEFAULT_PROJECT),
            "entity": tracking.entity or os.environ.get("WANDB_ENTITY"),
            "id": run_id,
            "name": name,
            "group": group,
            "job_type": job_type,
            "tags": tags,
            "config": {**without_secrets(config, os.environ), "resumed": resumed},
            "dir": str(self._run_dir),
            "mode": self.mode,
        }
        try:
            self._launch({"call": "start", "init": init, "settings": _settings()})
        except Exception as error:
            self._stop(f"its process could not be started: {error}")
            return
        if resumed and self.mode == "offline":
            self._say(
                f"Offline tracking opens a second folder with the same id {run_id}; the end of "
                "the run shows the command that uploads both in order."
            )

    def log(self, batch: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Logs numbers, or tensors of one element, at step ``batch``."""
        if self._is_on():
            values = {key: float(value) for key, value in metrics.items()}
            self._send({"call": "log", "batch": batch, "metrics": values})

    def summary(self, metrics: Mapping[str, SupportsFloat]) -> None:
        """Writes the run's final numbers, which the runs table shows."""
        if self._is_on():
            values = {key: float(value) for key, value in metrics.items()}
            self._send({"call": "summary", "metrics": values})

    def finish(self, exit_code: int = 0) -> str | None:
        """Ends the W&B run, waiting a few seconds at most; a second call does nothing.

        Returns:
            The command that uploads what is only on this disk, or None if there is nothing.
        """
        if self.mode == "disabled" or self._finished:
            return None
        self._finished = True
        if self._process is not None and self._is_on():
            self._send({"call": "finish", "exit_code": exit_code})
            if not self._ended.wait(FINISH_SECONDS):
                self._say(
                    f"W&B needs longer than {FINISH_SECONDS:.0f} s to end the run; it goes on in "
                    f"the background. What it does not manage stays in {self._run_dir / 'wandb'}."
                )
                return self.sync_command()
            self._is_on()
        uploaded = self.mode == "online" and self._fault is None
        return None if uploaded else self.sync_command()

    def sync_command(self) -> str | None:
        """Returns the ``wandb sync`` line for all folders of this run, the oldest first.

        One line for all of them: given together, W&B uploads parts of one run in their order.
        """
        folders = [
            path for path in (self._run_dir / "wandb").glob("*run-*-*") if not path.is_symlink()
        ]
        ordered = sorted(folders, key=lambda path: path.name.removeprefix("offline-"))
        return shlex.join(["wandb", "sync", *map(str, ordered)]) if ordered else None

    def _launch(self, first: dict[str, Any]) -> None:
        folder = self._run_dir / "wandb"
        folder.mkdir(parents=True, exist_ok=True)
        json.dumps(first, default=str)
        with (folder / "tracker.log").open("ab") as log:
            # -P: the script's folder is not a place to import from.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env=_environment(self._run_dir),
                # Ctrl-C reaches every process of the group; the tracker has to outlive it.
                start_new_session=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._pending.put(first)
        for work, pipe in (
            (self._write, self._process.stdin),
            (self._listen, self._process.stdout),
        ):
            threading.Thread(target=work, args=(pipe,), daemon=True).start()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._pending.put_nowait(message)
        except queue.Full:
            self._stop("it does not take what is sent to it")

    def _write(self, pipe: IO[bytes]) -> None:
        last = False
        # A broken pipe is the listener's to explain.
        with contextlib.suppress(OSError, ValueError):
            while not last:
                message = self._pending.get()
                last = message["call"] == "finish"
                rest = memoryview(json.dumps(message, default=str).encode() + b"\n")
                while rest:
                    rest = rest[pipe.write(rest) :]

    def _listen(self, pipe: IO[bytes]) -> None:
        """Takes the events of the tracker's process until its end."""
        done = False
        with contextlib.suppress(OSError, ValueError):
            for line in _lines(pipe):
                event = json.loads(line)
                kind = event["event"]
                if kind == "started":
                    self.path = event["path"]
                elif kind == "offline":
                    self.mode = "offline"
                    self._notice = event["reason"]
                elif kind == "failed":
                    self._fault = event["reason"]
                done = kind == "finished"
                if done:
                    break
        if not done and self._fault is None:
            self._fault = "its process was ended from outside"
        self._ended.set()

    def _is_on(self) -> bool:
        """Tells whether to go on; says, from the caller's thread, what the listener heard."""
        notice, self._notice = self._notice, None
        if notice is not None:
            self._say(f"W&B could not be reached ({notice}); tracking goes on offline.")
        if self._process is not None and self._fault is not None:
            self._stop(self._fault)
        return self._process is not None

    def _stop(self, reason: str) -> None:
        self._fault, self._process = reason, None
        self._say(
            f"Tracking with W&B has stopped: {reason}. The run goes on, and all its numbers are "
            f"in {self._run_dir / 'metrics.csv'}."
        )


def start_tracker(
    recipe: Recipe,
    run_dir: str | Path,
    resumed: bool = False,
    *,
    dirty: bool | None = None,
    scaled: bool | None = None,
    facts: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = _say,
) -> Tracker:
    """Starts the tracker of a run whose id is its folder's name; on other ranks it does nothing.

    Args:
        recipe: The resolved recipe, which becomes the W&B config with nested keys.
        run_dir: The run's folder.
        resumed: The run goes on from a checkpoint.
        dirty: The working tree has uncommitted changes.
        scaled: Less than the paper's training, or other data.
        facts: What follows from the recipe and the machine: commit, versions, parameter count.
        say: Takes warnings, for a console with a progress bar.
    """
    tracker = Tracker(say)
    if process_rank() == 0:
        labels = run_labels(recipe, dirty, scaled)
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        config = {**recipe.to_dict(), "command": command, "config_hash": recipe.hash()}
        tracker.start(
            run_dir,
            Path(run_dir).resolve().name,
            {**config, **(facts or {})},
            recipe.tracking,
            *labels,
            resumed=resumed,
        )
    return tracker


def _first(chosen: str, offered: str | None, default: str) -> str:
    """Returns the recipe's own choice before the environment's before the default."""
    return chosen if chosen != default or not offered else offered


def _settings() -> dict[str, Any]:
    patience = {"init_timeout": 30.0, "finish_timeout": 60.0}
    return {
        **{
            key: value
            for key, value in patience.items()
            if f"WANDB_{key.upper()}" not in os.environ
        },
        "console": "off",
        "save_code": False,
        "disable_code": True,
        # The repository around the working directory need not be ours; the commit is in config.
        "disable_git": True,
        "disable_job_creation": True,
        "program": Path(sys.argv[0]).name or "python",
        # W&B's system charts are to show the training process.
        "x_stats_pid": os.getpid(),
    }


def _environment(run_dir: Path) -> dict[str, str]:
    """Keeps W&B's files in the run's folder unless the user has other places for them."""
    places = {
        "WANDB_CACHE_DIR": str(run_dir / "wandb" / "cache"),
        "WANDB_DATA_DIR": str(run_dir / "wandb" / "data"),
        "WANDB_ARTIFACT_DIR": str(run_dir / "wandb" / "artifacts"),
    }
    # The mode is decided; the name the user gave is in the recipe.
    left_out = ("WANDB_MODE", "WANDB_DIR", "WANDB_SERVICE", "WANDB_RESUME", "WANDB_NAME")
    inherited = {key: value for key, value in os.environ.items() if key not in left_out}
    return {**places, **inherited}


def _lines(pipe: IO[bytes]) -> Any:
    buffer = b""
    while chunk := pipe.read(65536):
        *lines, buffer = (buffer + chunk).split(b"\n")
        yield from lines
