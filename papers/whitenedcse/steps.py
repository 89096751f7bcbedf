"""Where WhitenedCSE's trainings are looked at, and what of them follows a schedule."""

from common.config.schema import Recipe
from common.steps.points import Counts, Point, stage_of, two_stages

scheduled = stage_of


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, the end of the stage of masked words, and the end."""
    return two_stages(counts, recipe.method.pretrain_epochs, "contrast begins")
