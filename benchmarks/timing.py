"""Timing side by side: interleaved runs, medians, and the spread of a run against itself."""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning import Callback

# On one thread a busy machine slows the process's CPU time far less than the wall's.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Timing:
    """Seconds a step of one contestant, one entry a round."""

    name: str
    seconds: list[float]

    @property
    def median(self) -> float:
        """The usual round."""
        return median(self.seconds)

    def over(self, other: "Timing") -> list[float]:
        """Returns the rounds' ratios to ``other``, ascending."""
        return sorted(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


def interleave(contestants: dict[str, Callable[[], float]], rounds: int) -> dict[str, Timing]:
    """Runs every contestant once a round, after a round that does not count.

    A contestant returns its own seconds a step. The order turns by one each round, so that none
    always follows the same neighbour.
    """
    names, seconds = list(contestants), {name: [] for name in contestants}
    for name in names:
        contestants[name]()
    for turn in range(rounds):
        for index in range(len(names)):
            name = names[(turn + index) % len(names)]
            seconds[name].append(contestants[name]())
    return {name: Timing(name, values) for name, values in seconds.items()}


def timed(step: Callable[[], Any], steps: int, clock: str = "wall") -> Callable[[], float]:
    """Makes a contestant of ``step``: the mean of ``steps`` calls by one of `CLOCKS`."""
    now = CLOCKS[clock]

    def run() -> float:
        started = now()
        for _ in range(steps):
            step()
        return (now() - started) / steps

    return run


def report(timings: dict[str, Timing], base: str) -> None:
    """Prints medians and ratios to ``base``, and the noise where ``<base>, again`` ran beside it.

    The ratio of each round is taken within the round, where the machine's state is the same.
    """
    for timing in timings.values():
        ratios = timing.over(timings[base])
        print(
            f"{timing.name:28s} {timing.median * 1e3:9.2f} ms   ratio {median(ratios):.3f} "
            f"[{ratios[0]:.3f} .. {ratios[-1]:.3f}]"
        )
    if f"{base}, again" in timings:
        ratios = timings[base].over(timings[f"{base}, again"])
        print(f"noise: {base} against itself {ratios[0]:.3f} .. {ratios[-1]:.3f}")


def peak_resident_bytes() -> int:
    """Returns the largest resident size so far of this process, in bytes (Linux).

    Not `resource.getrusage`: there a process starts with its parent's peak.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


class StepClock(Callback):
    """Measures the time from the start of batch ``skip`` to the start of the last, a batch."""

    def __init__(self, skip: int, clock: str = "wall") -> None:
        self.skip, self.stamps, self.now = skip, [], CLOCKS[clock]

    def on_train_batch_start(self, *_: Any) -> None:
        """Stamps the start of a batch."""
        self.stamps.append(self.now())

    @property
    def seconds(self) -> float:
        """Seconds a batch, loop and callbacks included."""
        kept = self.stamps[self.skip :]
        return (kept[-1] - kept[0]) / (len(kept) - 1)


def parser(description: str) -> argparse.ArgumentParser:
    """Returns the options that all benchmarks share."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    return options


def parse(options: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line and sets the number of threads."""
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        f"torch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} rounds, "
        f"{arguments.clock} clock"
    )
    return arguments


def print_memory(
    step: Callable[..., tuple[float, float, float]], cases: list[Any], rounds: int
) -> None:
    """Prints the median time and peak memory of each case, which take turns.

    Args:
        step: Returns seconds, MiB and the loss of ``step(*case)``; it runs in a process of its own.
        cases: Each a name, the batch size, the width, the rows of a chunk (0: none), and another.
        rounds: How often each is measured.
    """
    found: dict[Any, list[tuple[float, float, float]]] = {}
    # A fork need not import anew, and nothing has been computed here whose threads it would miss.
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        for _ in range(rounds):
            for case in cases:
                found.setdefault(case, []).append(pool.apply(step, case))
    for (name, batch, dim, chunk, _), values in found.items():
        seconds, memory, losses = zip(*values, strict=True)
        rows = f"chunks of {min(chunk, batch)}" if chunk else "all at once"
        print(
            f"{name:10} batch {batch}, dim {dim}, {rows:15} {median(seconds):7.3f} s "
            f"({min(seconds):.3f} to {max(seconds):.3f}), peak {median(memory):6.0f} MiB, "
            f"loss {losses[0]:.6f}"
        )
