"""The line to the process that talks to W&B: started, fed and listened to without waiting."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

# Far more than any healthy tracker leaves unread; beyond it the tracker hangs.
MAX_PENDING = 100_000
SCRIPT = Path(__file__).with_name("wandb_process.py")


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
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "tracker.log").open("ab") as log:
            # -P: the script's folder is not a place to import from.
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env=_environment(run_dir),
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
