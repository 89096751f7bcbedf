"""Where in a training the steps are taken: a paper's list, or its start and a late moment."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor

from common.config.schema import Recipe
from common.methods.momentum import MomentumModule
from common.optim.ema import cosine_momentum
from common.paper import get_paper
from common.training.stages import stage_number

# Changes a checkpoint's state in place; draws from the generator.
Fill = Callable[[dict[str, Tensor], torch.Generator], None]
LATE = 0.8
STEPS = 3


class Place(NamedTuple):
    """A moment of a training: batches and optimizer updates before it, and its epoch."""

    batch: int
    update: int
    epoch: int


@dataclass(frozen=True)
class Length:
    """How long a recorded training was.

    Args:
        batches: Batches of all epochs together.
        epochs: Begun ones included.
        samples: Rows that the sampler counts in the training set.
    """

    batches: int
    epochs: int
    samples: int


@dataclass(frozen=True)
class Counts:
    """The places of a training.

    Args:
        batches: Batches of the whole training.
        epochs: Begun ones included.
        per_epoch: Batches.
        accumulate: Batches an optimizer update.
    """

    batches: int
    epochs: int
    per_epoch: int
    accumulate: int = 1

    def place(self, batch: int) -> Place:
        """Returns the moment after ``batch`` batches."""
        epoch, rest = divmod(batch, self.per_epoch)
        updates = -(-self.per_epoch // self.accumulate)
        return Place(batch, epoch * updates + rest // self.accumulate, epoch)

    def end_of_epoch(self, epoch: int) -> int:
        """Returns the batches before the last one of ``epoch``, within the training.

        At least 1: the start has a state of its own.
        """
        last = max(self.batches - STEPS * self.accumulate, 0)
        return max(min((epoch + 1) * self.per_epoch - self.accumulate, last), 1)


@dataclass(frozen=True)
class Point:
    """A moment to take steps at.

    Args:
        name: Stands in the file.
        batch: Batches before it; 0 is the start, whose state is the module's own.
        steps: Optimizer updates to take, as many as it needs for every optimizer to act.
        fill: Gives what only a long training would have filled, such as a queue.
    """

    name: str
    batch: int
    steps: int = STEPS
    fill: Fill | None = None


def training_start(steps: int = STEPS) -> Point:
    """Returns the start of a training."""
    return Point("start", 0, steps)


def late(counts: Counts, steps: int = STEPS, fill: Fill | None = None) -> Point:
    """Returns the last batch of an epoch at about 80 % of the training."""
    epoch = round(LATE * counts.batches / counts.per_epoch) - 1
    return Point("late", counts.end_of_epoch(max(epoch, 0)), steps, fill)


def two_stages(counts: Counts, first: int, begins: str) -> list[Point]:
    """Returns start and a late moment; of two stages the first one's end, and the end of all.

    Args:
        counts: The places of the training.
        first: Epochs of the first stage; 0: there is one stage alone.
        begins: Name of the moment at which the second stage begins.
    """
    if not first:
        return [training_start(), late(counts)]
    end = Point("end", counts.end_of_epoch(counts.epochs - 1))
    return [training_start(), Point(begins, counts.end_of_epoch(first - 1)), end]


def stage_of(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the number of the stage, of a module that has ``stages``."""
    stages = getattr(module, "stages", None)
    return {} if stages is None else {"stage": float(stage_number(stages, place.epoch))}


def next_momentum(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the momentum of the update that is next, of a module with momentum networks."""
    if not isinstance(module, MomentumModule):
        return {}
    update, total = place.update + 1, module.total_updates
    return {"momentum": cosine_momentum(module.method.momentum, update, total)}


def points_of(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns the points that the paper lists for ``recipe``, else the start and a late one.

    At the late one the ring of a queue, where there is one, is about to close.
    """
    listed = own_part(recipe, "points")
    usual = [training_start(), late(counts, fill=closing)]
    found: list[Point] = listed(recipe, counts) if listed else usual
    return [point for point in found if point.batch == 0 or point.batch < counts.batches]


def own_part(recipe: Recipe, name: str) -> Callable[..., Any] | None:
    """Returns what the paper's ``steps.py`` calls ``name``, or None."""
    paper = get_paper(recipe.paper)
    if find_spec(f"{paper.package}.steps") is None:
        return None
    return getattr(paper.part("steps"), name, None)


def closing(state: dict[str, Tensor], generator: torch.Generator) -> None:
    """Puts the oldest key of each queue that is a ring at its last place."""
    for name in [name for name in state if name.endswith("queue_start")]:
        queue = state[name.removesuffix("_start")]
        state[name].fill_(queue.shape[-2] - 1)
