"""A step with large activations, with and without `keep_memory`, each round in a new process."""

import argparse
import subprocess
import sys
from functools import partial

import torch

from benchmarks.timing import interleave, report, timed
from common.runs.devices import keep_memory
from papers.autotcl.backbone import DilatedEncoder

KEEP, BARE = "keep_memory", "as it is"


def work(steps: int) -> None:
    """Prints the CPU seconds a forward and backward pass of AutoTCL's encoder takes."""
    torch.set_num_threads(1)
    encoder, x = DilatedEncoder(channels=8), torch.randn(64, 257, 8)

    def step() -> None:
        encoder(x).square().mean().backward()
        encoder.zero_grad()

    step()
    print(timed(step, steps, "cpu")())


def child(name: str, steps: int) -> float:
    """Returns what `work` prints in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.memory", "--work", name, "--steps", str(steps)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--steps", type=int, default=3)
    options.add_argument("--work", choices=[KEEP, BARE], help="measure one, in this process")
    chosen = options.parse_args()
    if chosen.work:
        if chosen.work == KEEP:
            keep_memory()
        work(chosen.steps)
    else:
        children = {name: partial(child, name, chosen.steps) for name in (BARE, KEEP)}
        report(interleave(children, chosen.rounds), BARE)
