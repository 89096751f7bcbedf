"""Where SwAV's trainings are looked at, and what of them follows a schedule."""

import torch
from lightning import LightningModule
from torch import Tensor

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, late, training_start
from papers.swav.module import SwAV


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, end of the freeze, start of the queue, and late with a full queue."""
    if recipe.baseline == "deepcluster-v2":
        return [training_start(), late(counts, fill=remembered)]
    if recipe.baseline is not None:
        return [training_start(), late(counts)]
    method = recipe.method
    found = [training_start()]
    if method.freeze_batches:
        found.append(Point("freeze ends", max(method.freeze_batches - 1, 1)))
    if method.queue_length:
        begins = method.queue_from_epoch * counts.per_epoch
        found.append(Point("queue begins", max(begins - 1, 1)))
    return [*found, late(counts, fill=full_queue)]


def full_queue(state: dict[str, Tensor], generator: torch.Generator) -> None:
    """Fills the queue."""
    unit_rows(state["queue"], generator)


def remembered(state: dict[str, Tensor], generator: torch.Generator) -> None:
    """Remembers an embedding of each image, and targets that any clustering might have given."""
    unit_rows(state["memory"], generator)
    unit_rows(state["prototypes"], generator)
    # The least number of prototypes that a clustering may have.
    state["targets"].random_(0, 2, generator=generator)


def unit_rows(tensor: Tensor, generator: torch.Generator) -> None:
    """Fills ``tensor`` with random rows of norm 1."""
    drawn = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
    tensor.copy_(drawn / drawn.norm(dim=-1, keepdim=True))


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns whether the queue is filled and the prototypes are frozen."""
    if not isinstance(module, SwAV):
        return {}
    before = torch.ones_like(module.prototypes.weight)
    module.prototypes.weight.grad = before
    module.on_after_backward()
    frozen = module.prototypes.weight.grad is None
    return {"queue": float(module.queue_started()), "frozen": float(frozen)}
