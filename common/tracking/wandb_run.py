"""The one way to W&B: a tracker that can die at any moment without the run noticing.

W&B lives in a process of its own (`common.tracking.wandb_process`), fed through a pipe by a
thread, so a call costs microseconds, nothing here imports W&B, and a tracker that crashes, hangs
or loses the network costs its own numbers only; the local files hold all of them.
"""

import importlib.util
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsFloat

from common.config.schema import Recipe, TrackingConfig
from common.ranks import process_rank
from common.tracking.channel import Channel
from common.tracking.labels import run_labels, without_secrets
from common.tracking.mode import resolve_mode

# How long the end of a run waits for the tracker, which goes on by itself after that.
FINISH_SECONDS = 8.0
DEFAULT_PROJECT = TrackingConfig().project


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
            self._channel = Channel(
                self._run_dir, {"call": "start", "init": init, "settings": _settings()}
            )
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
                return self.sync_command()
            self._open_channel()
        uploaded = self.mode == "online" and not self._failed
        return None if uploaded else self.sync_command()

    def sync_command(self) -> str | None:
        """Returns the ``wandb sync`` line for all folders of this run, the oldest first."""
        return sync_line(self._run_dir)

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
