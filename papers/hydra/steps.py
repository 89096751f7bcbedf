"""Where Hydra's trainings are looked at, and what of them follows a schedule."""

from common.config.schema import Recipe
from common.steps.points import Counts, Point, late, next_momentum, training_start

scheduled = next_momentum


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, end of the filter's own epochs if there are some, and late."""
    alone = getattr(recipe.method, "filter_epochs", 0)
    ends = [Point("encoder joins", counts.end_of_epoch(alone - 1))] if alone else []
    return [training_start(), *ends, late(counts)]
