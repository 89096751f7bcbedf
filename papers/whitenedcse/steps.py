"""Where WhitenedCSE's trainings are looked at, and what of them follows a schedule."""

from lightning import LightningModule

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, late, training_start
from common.training.stages import stage_number
from papers.whitenedcse.module import WhitenedCSE


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start and a late moment; of two stages the first one's end, and the end of all."""
    epochs = recipe.method.pretrain_epochs
    if not epochs:
        return [training_start(), late(counts)]
    begins = Point("contrast begins", counts.end_of_epoch(epochs - 1))
    return [training_start(), begins, Point("end", counts.end_of_epoch(counts.epochs - 1))]


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the number of the stage."""
    if not isinstance(module, WhitenedCSE):
        return {}
    return {"stage": float(stage_number(module.stages, place.epoch))}
