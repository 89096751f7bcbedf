"""Where AutoTCL's trainings are looked at."""

from common.config.schema import Recipe
from common.steps.points import Counts, Point, late, training_start

# Networks of 50 million weights make a step long.
STEPS = 2


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, a late moment, and one whose second step is the augmenter's rarer update."""
    end, ratio = late(counts, STEPS), getattr(recipe.method, "update_ratio", 1)
    if ratio == 1:
        return [training_start(STEPS), end]
    before = max(end.batch - (end.batch + 1) % ratio, 1)
    return [training_start(STEPS), end, Point("augmenter", before, STEPS)]
