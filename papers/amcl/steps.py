"""Where AMCL's trainings are looked at."""

import torch
from torch import Tensor

from common.config.schema import Recipe
from common.results.steps.points import Counts, Point, late, start


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns the start, and a late moment at which the queue's ring is about to close."""
    return [start(), late(counts, fill=closing)]


def closing(state: dict[str, Tensor], generator: torch.Generator) -> None:
    """Puts the queue's oldest key at its last place."""
    for name in ("base.queue", "queue"):
        if name in state:
            state[f"{name}_start"].fill_(state[name].shape[-2] - 1)
