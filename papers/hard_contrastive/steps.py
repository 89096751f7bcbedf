"""Where the trainings of the hard contrastive loss are looked at."""

from common.config.schema import Recipe
from common.steps.points import Counts, Point, closing, late, training_start


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns the start, and a late moment at which the queue's ring is about to close."""
    return [training_start(), late(counts, fill=closing)]
