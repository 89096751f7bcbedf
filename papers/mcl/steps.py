"""Where MCL's trainings are looked at, and what of them follows a schedule."""

from functools import partial

import torch
from torch import Tensor

from common.config.schema import Recipe
from common.steps.points import Counts, Point, late, stage_of, training_start

scheduled = stage_of


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns the start, the end of each stage but the last, and the end of all."""
    if recipe.baseline is not None or recipe.method.stages == 1:
        return [training_start(), late(counts)]
    method = recipe.method
    ends = [n * method.stage_epochs - 1 for n in range(1, method.stages)] + [counts.epochs - 1]
    names = [f"stage {n} begins" for n in range(1, method.stages)] + ["end"]
    return [
        training_start(),
        *(
            Point(name, counts.end_of_epoch(epoch), fill=partial(within, number))
            for number, (name, epoch) in enumerate(zip(names, ends, strict=True))
        ),
    ]


def within(number: int, state: dict[str, Tensor], generator: torch.Generator) -> None:
    """Says that stage ``number`` has begun, with groups as any clustering might have given."""
    state["begun"].fill_(number + 1)
    if number:
        state["groups"].random_(0, 2, generator=generator)
