"""Kills of a run at a drawn place.

The run's own process sends itself SIGKILL there: nothing is flushed or tidied up, as with a kill
from outside, and the draw alone says where it hits, however busy the machine is. `FromOutside` is
one from outside.
"""

import io
import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import common.runs.run
import common.training.fit
from common.runs.checkpoints import NAME, PATTERN, AtomicCheckpointIO
from common.tracking.metrics_file import MetricsFile
from common.training.position import batches_seen
from common.training.selection import OnlineEvaluation

FINAL = "final"


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class AtBatch:
    """Dies when the numbers of ``batch`` are written, but for the last ``torn`` bytes."""

    batch: int
    torn: int

    def arm(self):
        write = MetricsFile.write

        def write_and_die(files, batch, *rest):
            write(files, batch, *rest)
            if batch == self.batch:
                path = files._metrics.path
                os.truncate(path, path.stat().st_size - self.torn)
                die()

        MetricsFile.write = write_and_die


@dataclass(frozen=True)
class InCheckpoint:
    """Dies with a share of the checkpoint of ``batch`` on the disk."""

    batch: int
    share: float

    def arm(self):
        save = torch.save

        def save_a_part(content, file):
            if NAME.format(self.batch) not in str(file.name):
                return save(content, file)
            whole = io.BytesIO()
            save(content, whole)
            file.write(whole.getvalue()[: int(self.share * whole.tell())])
            file.flush()
            die()

        torch.save = save_a_part


@dataclass(frozen=True)
class FromOutside:
    """Another process kills it ``delay_s`` after the numbers of ``batch`` are written."""

    batch: int
    delay_s: float

    def arm(self):
        write, killers = MetricsFile.write, []
        kill = f"sleep {self.delay_s}; kill -KILL {os.getpid()}"

        def write_and_call(files, batch, *rest):
            write(files, batch, *rest)
            if batch == self.batch and not killers:
                killers.append(subprocess.Popen(["sh", "-c", kill]))

        MetricsFile.write = write_and_call


@dataclass(frozen=True)
class InEvaluation:
    """Dies in a protocol of the final evaluation, at the Python call ``number`` of them all."""

    number: int

    def arm(self):
        at_each_call(lambda number: number == self.number and die())


def at_each_call(act):
    """Calls ``act`` with each call's number in the final protocols; notes how many there were."""
    measure, protocols = common.runs.run._measure, common.training.fit.run_protocols
    calls = itertools.count(1)

    def measure_and_note(ready, run, *rest):
        common.training.fit.run_protocols = watched(protocols, lambda: act(next(calls)))
        measured = measure(ready, run, *rest)
        note(run.checkpoints, "calls", f"{FINAL} {next(calls) - 1}")
        return measured

    common.runs.run._measure = measure_and_note


@dataclass(frozen=True)
class InOnlineEvaluation:
    """Dies while the weights of ``batch`` are evaluated in training, at the call ``number``."""

    batch: int
    number: int

    def arm(self):
        at_each_online_call(lambda *place: place == (self.batch, self.number) and die())


def at_each_online_call(act):
    """Calls ``act`` with batch and number of each call in `OnlineEvaluation`; notes how many."""
    begin = OnlineEvaluation.__init__

    def begin_to_watch(callback, config, evaluate, report, metrics, checkpoints):
        def evaluate_and_note(module):
            batch, calls = batches_seen(module), itertools.count(1)
            measured = watched(evaluate, lambda: act(batch, next(calls)))(module)
            note(checkpoints, "calls", f"{batch} {next(calls) - 1}")
            return measured

        begin(callback, config, evaluate_and_note, report, metrics, checkpoints)

    OnlineEvaluation.__init__ = begin_to_watch


def watched(function, act):
    """Returns ``function`` with ``act`` done at each Python call that it makes."""

    def count(_frame, event, _value):
        if event == "call":
            act()

    def watch(*words):
        sys.setprofile(count)
        try:
            return function(*words)
        finally:
            sys.setprofile(None)

    return watch


def note(folder, name, line):
    with (folder / name).open("a") as file:
        file.write(f"{line}\n")


@dataclass(frozen=True)
class UnderAFallingClock:
    """Sets the clock back an hour each time it is read; ``kill`` comes besides."""

    kill: Any

    def arm(self):
        readings = itertools.count(int(time.time()), -3600)
        time.time = lambda: float(next(readings))
        self.kill.arm()


class Nowhere:
    """Dies nowhere; notes in ``checkpoints`` what a kill can be drawn from.

    ``saved`` is a batch a line, of each checkpoint; ``calls`` a batch, or `FINAL`, and the number
    of calls that its evaluation made.
    """

    def arm(self):
        save = AtomicCheckpointIO.save_checkpoint

        def save_and_note(self, checkpoint, path, **options):
            save(self, checkpoint, path, **options)
            if Path(path).match(PATTERN):
                note(Path(path).parent, "saved", checkpoint["likewise"]["batches_seen"])

        AtomicCheckpointIO.save_checkpoint = save_and_note
        at_each_call(lambda _number: None)
        at_each_online_call(lambda _batch, _number: None)
