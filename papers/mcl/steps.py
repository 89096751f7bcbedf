"""Where MCL's trainings are looked at, and what of them follows a schedule."""

from lightning import LightningModule

from common.config.schema import Recipe
from common.results.steps.points import Counts, Place, Point, late, start
from common.training.stages import stage_number
from papers.mcl.module import MCL


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns the start, the end of each stage but the last, and the end of all."""
    if recipe.baseline is not None or recipe.method.stages == 1:
        return [start(), late(counts)]
    method = recipe.method
    begins = [
        Point(f"stage {n} begins", counts.end_of_epoch(n * method.stage_epochs - 1))
        for n in range(1, method.stages)
    ]
    return [start(), *begins, Point("end", counts.end_of_epoch(counts.epochs - 1))]


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the number of the stage."""
    if not isinstance(module, MCL):
        return {}
    return {"stage": float(stage_number(module.stages, place.epoch))}
