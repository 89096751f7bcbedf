"""Kills of a run at a drawn place.

The run's own process sends itself SIGKILL there: nothing is flushed or tidied up, as with a kill
from outside, and the draw alone says where it hits, however busy the machine is.
"""

import io
import itertools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import common.train
from common.checkpoints.io import NAME, PATTERN, AtomicCheckpointIO
from common.tracking.metrics_file import MetricsFile


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
class InEvaluation:
    """Dies in the final evaluation, once ``number`` encoders of it have been measured."""

    number: int

    def arm(self):
        measure, protocols = common.train._measure, common.train.run_protocols
        done = []

        def count_and_die(*words):
            found = protocols(*words)
            done.append(found)
            if len(done) == self.number:
                die()
            return found

        def measure_and_die(*words):
            common.train.run_protocols = count_and_die
            return measure(*words)

        common.train._measure = measure_and_die


@dataclass(frozen=True)
class UnderAFallingClock:
    """Sets the clock back an hour each time it is read; ``kill`` comes besides."""

    kill: Any

    def arm(self):
        readings = itertools.count(int(time.time()), -3600)
        time.time = lambda: float(next(readings))
        self.kill.arm()


class Nowhere:
    """Dies nowhere; notes the batch of each checkpoint in ``checkpoints/saved``."""

    def arm(self):
        save = AtomicCheckpointIO.save_checkpoint

        def save_and_note(self, checkpoint, path, **options):
            save(self, checkpoint, path, **options)
            if Path(path).match(PATTERN):
                with Path(path).with_name("saved").open("a") as file:
                    file.write(f"{checkpoint['likewise']['batches_seen']}\n")

        AtomicCheckpointIO.save_checkpoint = save_and_note
