"""Where DefSent+'s trainings are looked at, and what of them follows a schedule."""

from lightning import LightningModule

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, late, training_start
from common.training.stages import stage_number
from papers.defsent_plus.module import DefSentPlus


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns the start, the end of each round but the last, and a late moment."""
    method = recipe.method
    if method.rounds == 1:
        return [training_start(), late(counts)]
    begins = [
        Point(f"round-{n + 1} begins", counts.end_of_epoch(n * method.round_epochs - 1))
        for n in range(1, method.rounds)
    ]
    return [training_start(), *begins, Point("end", counts.end_of_epoch(counts.epochs - 1))]


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the number of the round."""
    if not isinstance(module, DefSentPlus):
        return {}
    return {"round": 1.0 + stage_number(module.stages, place.epoch)}
