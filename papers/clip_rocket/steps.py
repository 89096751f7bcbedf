"""Where CLIP-rocket's trainings are looked at, and what of them follows a schedule."""

import torch
from lightning import LightningModule

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, late, training_start
from papers.clip_rocket.module import ClipRocket


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start and a late moment; of the older SwALIP the end of the freeze, too."""
    if recipe.baseline is not None or recipe.method.addition != "swalip-v1":
        return [training_start(), late(counts)]
    freeze = recipe.method.swalip.freeze_batches
    return [training_start(), Point("freeze ends", max(freeze - 1, 1)), late(counts)]


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns whether the older SwALIP's prototypes are frozen."""
    if not isinstance(module, ClipRocket) or module.method.addition != "swalip-v1":
        return {}
    module.prototypes.weight.grad = torch.ones_like(module.prototypes.weight)
    module.on_after_backward()
    return {"frozen": float(module.prototypes.weight.grad is None)}
