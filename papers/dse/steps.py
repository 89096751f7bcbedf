"""Where DSE's trainings are looked at, and what of them follows a schedule."""

from common.config.schema import Recipe
from common.steps.points import Counts, Point, stage_of, two_stages

scheduled = stage_of


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, the end of a teacher's stage, and the end."""
    method = recipe.method
    epochs = method.teacher_epochs if method.trains_teacher else 0
    return two_stages(counts, epochs, "distillation begins")
