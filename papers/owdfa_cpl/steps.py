"""Where CPL's trainings are looked at, and what of them follows a schedule."""

from functools import partial

import torch
from lightning import LightningModule
from torch import Tensor

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, late, training_start
from papers.owdfa_cpl.module import CPL


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, the ends of pre-training and first round, and late with all remembered."""
    if recipe.baseline is not None:
        return [training_start(), late(counts)]
    method, found = recipe.method, [training_start()]
    ends = method.pretrain_epochs
    if ends:
        found.append(Point("pre-training ends", max(ends * counts.per_epoch - 1, 1)))
    if method.relabel_epochs:
        fill = partial(remembered, number=0)
        round_ends = max((ends + method.relabel_epochs) * counts.per_epoch - 1, 1)
        found.append(Point("round ends", round_ends, fill=fill))
    return [*found, late(counts, fill=remembered)]


def remembered(state: dict[str, Tensor], generator: torch.Generator, number: int = 1) -> None:
    """Remembers a class of each unlabelled image, in whichever memory there is."""
    for name in ("stages.latest", "stages.given", "rule.slots"):
        if name in state:
            # The least number of heads.
            state[name].random_(0, 2, generator=generator)
    state["stages.round"].fill_(number)


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns whether the epoch is of the pre-training."""
    if not isinstance(module, CPL):
        return {}
    return {"pretrains": float(module.stages.pretrains(place.epoch))}
