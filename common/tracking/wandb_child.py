"""The process that talks to W&B, so that nothing W&B does can touch the training process.

Run by `common.tracking.tracker` as a plain script: JSON messages come on the standard input,
events go back on what was the standard output. Its console is a log file in the run's folder.
W&B's threads, exit hooks and service process belong to this process and end with it.
"""

import importlib
import json
import os
import queue
import re
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

# How long this may go on after the run has ended or its process has died.
LINGER_SECONDS = 90.0


def summary_kind(key: str, errors: str) -> str | None:
    """Returns what the runs table should show of ``key``: ``max``, ``min`` or None for the last.

    Only of what is measured during training; for ``test/*`` the best of several values would be
    a choice made on the test data. ``errors`` finds the metrics of which less is better.
    """
    prefix, _, name = key.partition("/")
    if prefix not in ("val", "probe"):
        return None
    return "min" if "loss" in name.split("_") or re.search(errors, name) else "max"


class Session:
    """One W&B run, from ``start`` to ``finish``."""

    def __init__(self, events: int) -> None:
        """Takes the file descriptor that events are written to."""
        self._events = events
        self._run: Any = None
        self._errors = ""
        self._defined: set[str] = set()

    def report(self, event: str, **details: Any) -> None:
        """Sends an event to the training process; that it is gone already is no matter."""
        try:
            os.write(self._events, json.dumps({"event": event, **details}).encode() + b"\n")
        except OSError:
            pass

    def start(self, init: dict[str, Any], settings: dict[str, Any], errors: str) -> None:
        """Opens the run; online without success means offline, with the reason reported."""
        self._errors = errors
        wandb = importlib.import_module("wandb")
        known = {name: settings[name] for name in settings if name in wandb.Settings.model_fields}
        options = wandb.Settings(**known)
        if init["mode"] == "online":
            before = _folders(init)
            try:
                self._run = wandb.init(**init, resume="allow", settings=options)
            except Exception as error:
                self.report("offline", reason=one_line(error))
                init = {**init, "mode": "offline"}
                # The service still holds the run's id; the folder it made has nothing in it.
                wandb.teardown()
                for folder in _folders(init) - before:
                    shutil.rmtree(folder, ignore_errors=True)
        if self._run is None:
            self._run = wandb.init(**init, settings=options)
        self._run.define_metric("batch", hidden=True)
        self._run.define_metric("*", step_metric="batch")
        online = init["mode"] == "online"
        self.report("started", id=self._run.id, path=self._run.path if online else None)

    def log(self, batch: int, metrics: dict[str, float]) -> None:
        """Logs at step ``batch``: values of one batch share a row, repeated batches are dropped."""
        for key in metrics.keys() - self._defined:
            self._defined.add(key)
            if kind := summary_kind(key, self._errors):
                self._run.define_metric(key, step_metric="batch", summary=kind)
        self._run.log({**metrics, "batch": batch}, step=batch)

    def summary(self, metrics: dict[str, float]) -> None:
        """Writes final numbers."""
        self._run.summary.update(metrics)

    def images(self, batch: int, files: dict[str, str]) -> None:
        """Logs image files; what goes wrong is reported and ends nothing."""
        try:
            image = importlib.import_module("wandb").Image
            self._run.log({name: image(path) for name, path in files.items()}, step=batch)
        except Exception as error:
            self.report("lost", what="the plots", reason=one_line(error))

    def model(self, name: str, path: str, record: str) -> None:
        """Logs a checkpoint as an artifact; what goes wrong is reported and ends nothing."""
        try:
            kind = importlib.import_module("wandb").Artifact
            artifact = kind(name, type="model", metadata={"record": record})
            artifact.add_file(path)
            self._run.log_artifact(artifact)
        except Exception as error:
            self.report("lost", what="the checkpoint", reason=one_line(error))

    def finish(self, exit_code: int) -> None:
        """Ends the run and W&B's service."""
        self._run.finish(exit_code=exit_code)
        importlib.import_module("wandb").teardown(exit_code)
        self.report("finished")


def _folders(init: dict[str, Any]) -> set[Path]:
    return set(Path(init["dir"], "wandb").glob(f"run-*-{init['id']}"))


def one_line(error: BaseException) -> str:
    """Returns the error as one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:120] + "..."


def _read(messages: "queue.SimpleQueue[dict[str, Any]]") -> None:
    # Reads ahead of the work, so that the training process never waits for W&B's import.
    for line in sys.stdin.buffer:
        messages.put(json.loads(line))
    messages.put({"call": "finish", "exit_code": 1})


def _next(messages: "queue.SimpleQueue[dict[str, Any]]", parent: int) -> dict[str, Any]:
    while True:
        try:
            return messages.get(timeout=2)
        except queue.Empty:
            # Forked data workers may hold the pipe open after the training process was killed.
            if os.getppid() != parent:
                return {"call": "finish", "exit_code": 1}


def serve(session: Session) -> None:
    """Carries out messages until ``finish``, or until the training process is gone."""
    parent = os.getppid()
    messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(messages,), daemon=True).start()
    call = ""
    while call != "finish":
        message = _next(messages, parent)
        call = message.pop("call")
        if call == "finish":
            watchdog = threading.Timer(LINGER_SECONDS, os._exit, args=(1,))
            watchdog.daemon = True
            watchdog.start()
        getattr(session, call)(**message)


def main() -> None:
    """Serves one run and ends without W&B's exit hooks, which wait for a dead service."""
    # What ends a run goes to the whole group; the end of the input ends this.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    session = Session(os.dup(1))
    os.dup2(2, 1)
    try:
        serve(session)
    except BaseException as error:
        session.report("failed", reason=one_line(error))
    os._exit(0)


if __name__ == "__main__":
    main()
