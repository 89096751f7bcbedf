"""The whole training loop of SwAV against the bare backbone on the same crops.

    python -m benchmarks.swav_loop --threads 1
    python -m benchmarks.swav_loop --threads 2 --set data.batch_size=128

Ours is `papers train` as it stands: data module, views, Trainer, callbacks, step and optimizer.
After each of its batches the bare backbone goes forward and backward on the crops of that batch,
twice, so that all meet the same state of the machine. Needs LIKEWISE_DATA.
"""

import copy
import time
from itertools import groupby
from statistics import median
from typing import Any

import torch
from lightning import Callback
from torch import Tensor, nn

from benchmarks.fit import fit_with_callbacks, make_ready
from benchmarks.timing import parse, parser

WARM_UP, BATCHES_A_ROUND = 4, 4
PARTS = ("whole loop", "of it: loading and views", "bare backbone", "bare backbone, again")


class Turns(Callback):
    """Times our batches, and in between a bare backbone's on the same crops.

    Added behind all other callbacks: what they do counts as ours.
    """

    def __init__(self, backbone: nn.Module) -> None:
        self.bare = copy.deepcopy(backbone)
        # Of each part a batch's (seconds, seconds of CPU time).
        self.spent: dict[str, list[tuple[float, float]]] = {part: [] for part in PARTS}
        self._since: tuple[float, float] | None = None
        self._started = now()

    def on_train_batch_start(self, *_: Any) -> None:
        """Notes that the views are there."""
        self._started = now()

    def on_train_batch_end(self, *arguments: Any) -> None:
        """Stops our clock, gives the bare backbone its turns and starts the clock again."""
        ended, batch = now(), arguments[3]
        if self._since is not None:
            self._book(PARTS[0], self._since, ended)
            self._book(PARTS[1], self._since, self._started)
        groups = [torch.cat(list(g)) for _, g in groupby(batch.views, lambda v: v.shape)]
        for part in PARTS[2:]:
            start = now()
            forward_and_backward(self.bare, groups)
            self._book(part, start, now())
        self._since = now()

    def _book(self, part: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.spent[part].append((end[0] - start[0], end[1] - start[1]))

    def rounds(self, part: str, clock: int) -> list[float]:
        """Returns the mean seconds a batch of each round, warm-up left out."""
        # Ours has no first batch: its clock starts after the bare backbone's first turn.
        skip = WARM_UP - (part in PARTS[:2])
        kept = [spent[clock] for spent in self.spent[part][skip:]]
        starts = range(0, len(kept), BATCHES_A_ROUND)
        return [sum(kept[s : s + BATCHES_A_ROUND]) / BATCHES_A_ROUND for s in starts]


def now() -> tuple[float, float]:
    """Returns the wall's clock and the process's CPU time."""
    return time.perf_counter(), time.process_time()


def forward_and_backward(backbone: nn.Module, groups: list[Tensor]) -> None:
    """Goes through ``backbone`` and back, once for each group of crops of one size."""
    backbone.zero_grad(set_to_none=True)
    torch.cat([backbone(group) for group in groups]).square().mean().backward()


def measure(reference: str, threads: int, overrides: list[str], rounds: int) -> None:
    """Prints the parts' times and their ratios to the bare backbone."""
    overrides = [f"trainer.threads={threads}", *overrides]
    ready = make_ready(reference, overrides)
    turns = Turns(ready.module.backbone)
    fit_with_callbacks(ready, WARM_UP + rounds * BATCHES_A_ROUND, turns)
    print(
        f"-- {ready.recipe.reference}, {ready.data.describe()}, batch {ready.recipe.global_batch}"
    )
    for clock, name in enumerate(("wall", "CPU")):
        bare = turns.rounds("bare backbone", clock)
        for part in PARTS:
            own = turns.rounds(part, clock)
            ratios = sorted(a / b for a, b in zip(own, bare, strict=True))
            print(
                f"{name:5s}{part:26s} {median(own) * 1e3:8.1f} ms   ratio {median(ratios):.3f} "
                f"[{ratios[0]:.3f} .. {ratios[-1]:.3f}]"
            )


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--recipe", default="swav/cifar10-jpeg")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parse(options)
    measure(arguments.recipe, arguments.threads, arguments.set, arguments.rounds)
