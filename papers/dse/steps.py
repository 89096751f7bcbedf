"""Where DSE's trainings are looked at, and what of them follows a schedule."""

from lightning import LightningModule

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, late, training_start
from common.training.stages import stage_number
from papers.dse.module import DSE


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start and a late moment; with a teacher's stage its end, and the end of all."""
    if not recipe.method.trains_teacher:
        return [training_start(), late(counts)]
    last = recipe.method.teacher_epochs - 1
    begins = Point("distillation begins", counts.end_of_epoch(last))
    return [training_start(), begins, Point("end", counts.end_of_epoch(counts.epochs - 1))]


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the number of the stage."""
    if not isinstance(module, DSE):
        return {}
    return {"stage": float(stage_number(module.stages, place.epoch))}
