"""The one way to W&B: a tracker that can die at any moment without the run noticing.

W&B lives in a process of its own (`common.tracking.wandb_child`), fed through a pipe by a thread:
a call costs microseconds, nothing here imports W&B, and a tracker that crashes, hangs or loses the
network costs its own numbers only; the local files hold all of them. In the run's own process
W&B's service, once it hangs, holds up each call as soon as its socket is full, and the end of the
run for ever, whatever ``finish_timeout`` says.
"""

import configparser
import contextlib
import importlib.util
import json
import netrc
import os
import queue
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, SupportsFloat
from urllib.parse import urlsplit

from common.config.devices import is_main_process
from common.config.schema import Recipe, TrackingConfig
from common.tracking.labels import run_labels, without_secrets
from common.tracking.metrics_file import MetricsFile

DEFAULT_SERVER = "https://api.wandb.ai"
# W&B's own older names.
_ALIASES = {"dryrun": "offline", "run": "online", "shared": "online"}
# Far more than any healthy tracker leaves unread; beyond it the tracker hangs.
MAX_PENDING = 100_000
SCRIPT = Path(__file__).with_name("wandb_child.py")
# How long the end of a run waits for the tracker, which goes on by itself after that.
FINISH_SECONDS = 8.0
DEFAULT_PROJECT = TrackingConfig().project


def resolve_mode(mode: str, environment: Mapping[str, str] | None = None) -> str:
    """Returns ``online``, ``offline`` or ``disabled``.

    ``auto`` follows ``WANDB_MODE`` where it is set, else it is online for a user who is logged
    in and offline for everybody else. A mode that the recipe or the command names wins.
    """
    environment = os.environ if environment is None else environment
    if mode != "auto":
        return mode
    wanted = environment.get("WANDB_MODE", "").lower()
    wanted = _ALIASES.get(wanted, wanted)
    if wanted in ("online", "offline", "disabled"):
        return wanted
    return "online" if is_logged_in(environment) else "offline"


def logs_model(environment: Mapping[str, str] | None = None) -> bool:
    """Tells whether the trained checkpoint goes to W&B: ``WANDB_LOG_MODEL``, unset or false: no."""
    environment = os.environ if environment is None else environment
    return environment.get("WANDB_LOG_MODEL", "").lower() not in ("", "false")


def is_logged_in(environment: Mapping[str, str]) -> bool:
    """Tells whether a key for the W&B server is in the environment or in the netrc file."""
    if environment.get("WANDB_API_KEY") or environment.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(_server(environment)).netloc
    try:
        entry = netrc.netrc(_netrc_path(environment)).authenticators(host)
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
        return False
    return bool(entry and entry[2])


def _server(environment: Mapping[str, str]) -> str:
    if environment.get("WANDB_BASE_URL"):
        return environment["WANDB_BASE_URL"]
    # As pathlib's it would raise for a user without a home, as in a container.
    folder = os.path.expanduser(environment.get("WANDB_CONFIG_DIR") or "~/.config/wandb")
    settings = configparser.ConfigParser(interpolation=None)
    try:
        settings.read(os.path.join(folder, "settings"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return DEFAULT_SERVER
    return settings.get("default", "base_url", fallback=DEFAULT_SERVER)


def _netrc_path(environment: Mapping[str, str]) -> str:
    if environment.get("NETRC"):
        return os.path.expanduser(environment["NETRC"])
    usual = os.path.expanduser("~/.netrc")
    return usual if os.path.exists(usual) else os.path.expanduser("~/_netrc")


class Channel:
    """A child process that takes JSON messages and reports events.

    Two threads write and listen, so that neither a slow child nor a dead one holds anybody up.
    They are daemons on unbuffered pipes: the interpreter's end neither waits for them nor
    complains about them.
    """

    def __init__(self, run_dir: Path, first: dict[str, Any]) -> None:
        """Starts the process and sends ``first``.

        Raises:
            OSError: The folder cannot be written or no process be started.
        """
        self.path: str | None = None
        # Why tracking stopped, and why it goes on offline; None while all is well.
        self.fault: str | None = None
        self.notice: str | None = None
        # What was not taken, and why; all else goes on.
        self.lost: str | None = None
        self._ended = threading.Event()
        self._pending: queue.Queue[dict[str, Any]] = queue.Queue(MAX_PENDING)
        self._pending.put(first)
        folder = run_dir / "wandb"
        self._scratch = folder / "tmp"
        self._scratch.mkdir(parents=True, exist_ok=True)
        with (folder / "tracker.log").open("ab") as log:
            # -P: the script's folder is not a place to import from.
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                # W&B leaves files in the folder for temporary ones, the user's own or not.
                env={**_environment(run_dir), "TMPDIR": str(self._scratch)},
                # Ctrl-C reaches every process of the group; the tracker has to outlive it.
                start_new_session=True,
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        threading.Thread(target=self._write, args=(self.process.stdin,), daemon=True).start()
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Queues ``message``; a child that takes nothing any more is a fault."""
        try:
            self._pending.put_nowait(message)
        except queue.Full:
            self.fault = "it does not take what is sent to it"

    def wait(self, seconds: float) -> bool:
        """Waits for the child's last event; tells whether it came in time."""
        return self._ended.wait(seconds)

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
        kind = ""
        with contextlib.suppress(OSError, ValueError):
            for line in _lines(pipe):
                event = json.loads(line)
                kind = event["event"]
                if kind == "started":
                    self.path = event["path"]
                elif kind == "offline":
                    self.notice = event["reason"]
                elif kind == "lost":
                    self.lost = f"{event['what']} ({event['reason']})"
                elif kind == "failed":
                    self.fault = event["reason"]
                elif kind == "finished":
                    break
        if kind != "finished" and self.fault is None:
            self.fault = "its process was ended from outside"
        # The child runs no exit hooks, and may have been killed.
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._ended.set()


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


def _lines(pipe: IO[bytes]) -> Iterator[bytes]:
    buffer = b""
    while chunk := pipe.read(65536):
        *lines, buffer = (buffer + chunk).split(b"\n")
        yield from lines


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def sync_line(run_dir: Path) -> str | None:
    """Returns the ``wandb sync`` line for all W&B folders in ``run_dir``, the oldest first.

    One line for all of them: given together, W&B uploads parts of one run in their order.
    """
    folders = [path for path in (run_dir / "wandb").glob("*run-*-*") if not path.is_symlink()]
    ordered = sorted(folders, key=lambda path: path.name.removeprefix("offline-"))
    return shlex.join(["wandb", "sync", *map(str, ordered)]) if ordered else None


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
        self._channel: Channel | None = None
        self._finished = False
        self._failed = False

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
        errors: str = "^$",
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
            errors: Finds the metrics of which less is better, a regular expression.
        """
        self.mode = resolve_mode(tracking.mode)
        if self.mode == "disabled":
            return
        self._run_dir = Path(run_dir).resolve()
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
            if importlib.util.find_spec("wandb") is None:
                raise ImportError("the package wandb cannot be found")
            opening = {"call": "start", "init": init, "settings": _settings(), "errors": errors}
            self._channel = Channel(self._run_dir, opening)
        except Exception as error:
            self._stop(f"it could not be started, {error}")
            return
        if resumed and self.mode == "offline":
            self._say(
                f"Offline tracking opens a second folder with the same id {run_id}; the end of "
                "the run shows the command that uploads both in order."
            )

    def log(self, batch: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Logs numbers, or tensors of one element, at step ``batch``."""
        if channel := self._open_channel():
            values = {key: float(value) for key, value in metrics.items()}
            channel.send({"call": "log", "batch": batch, "metrics": values})

    def summary(self, metrics: Mapping[str, SupportsFloat]) -> None:
        """Writes the run's final numbers, which the runs table shows."""
        if channel := self._open_channel():
            values = {key: float(value) for key, value in metrics.items()}
            channel.send({"call": "summary", "metrics": values})

    def record(self, text: str) -> None:
        """Keeps the run's record with it, from where `papers leaderboard --wandb` reads it."""
        if channel := self._open_channel():
            channel.send({"call": "summary", "metrics": {"record": text}})

    def images(self, batch: int, files: Sequence[Path]) -> None:
        """Shows image files as ``plots/<name>``; those that W&B refuses cost a warning only."""
        channel = self._open_channel()
        if channel is not None and files:
            named = {f"plots/{path.stem}": str(path.resolve()) for path in files}
            channel.send({"call": "images", "batch": batch, "files": named})

    def model(self, name: str, path: Path, record: str) -> None:
        """Logs the checkpoint at ``path`` as the artifact ``name``, with the record as metadata."""
        if channel := self._open_channel():
            file = str(path.resolve())
            channel.send({"call": "model", "name": name, "path": file, "record": record})

    def finish(self, exit_code: int = 0) -> str | None:
        """Ends the W&B run, waiting a few seconds at most; a second call does nothing.

        Returns:
            The command that uploads what is only on this disk, or None if there is nothing.
        """
        if self.mode == "disabled" or self._finished:
            return None
        self._finished = True
        if channel := self._open_channel():
            channel.send({"call": "finish", "exit_code": exit_code})
            if not channel.wait(FINISH_SECONDS):
                self._say(
                    f"W&B needs longer than {FINISH_SECONDS:.0f} s to end the run; it goes on in "
                    f"the background. What it does not manage stays in {self._run_dir / 'wandb'}."
                )
                return sync_line(self._run_dir)
            self._open_channel()
        uploaded = self.mode == "online" and not self._failed
        return None if uploaded else sync_line(self._run_dir)

    def _open_channel(self) -> Channel | None:
        """Returns the channel while it works; says, from the caller's thread, what it heard."""
        channel = self._channel
        if channel is None:
            return None
        self.path = channel.path
        notice, channel.notice = channel.notice, None
        if notice is not None:
            self.mode = "offline"
            self._say(f"W&B could not be reached ({notice}); tracking goes on offline.")
        lost, channel.lost = channel.lost, None
        if lost is not None:
            self._say(f"W&B did not take {lost}; the run's folder has all of it.")
        if channel.fault is not None:
            self._stop(channel.fault)
        return self._channel

    def _stop(self, reason: str) -> None:
        self._failed, self._channel = True, None
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
    errors: str = "^$",
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
        errors: Finds the metrics of which less is better, a regular expression.
        say: Takes warnings, for a console with a progress bar.
    """
    tracker = Tracker(say)
    if is_main_process():
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
            errors=errors,
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


class Reporter:
    """Sends metrics to ``metrics.csv`` and the tracker; does nothing on other processes."""

    def __init__(self, files: MetricsFile | None, tracker: Tracker | None) -> None:
        self.files, self.tracker = files, tracker

    def report(self, batch: int, epoch: int, metrics: dict[str, float]) -> None:
        """Writes ``metrics`` of the moment after ``batch`` batches."""
        if self.files is not None and metrics:
            self.files.write(batch, epoch, metrics)
        if self.tracker is not None and metrics:
            self.tracker.log(batch, metrics)

    def cut(self, batch: int) -> None:
        """Forgets what was written after ``batch``: a resumed run writes it again."""
        if self.files is not None:
            self.files.cut(batch)

    def sync(self) -> None:
        """Forces what was written to the disk."""
        if self.files is not None:
            self.files.sync()
