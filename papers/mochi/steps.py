"""Where MoCHi's trainings are looked at, and what of them follows a schedule."""

from lightning import LightningModule

from common.config.schema import Recipe
from common.steps.points import Counts, Place, Point, closing, late, training_start
from papers.mochi.module import MoCHi


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns the start, the end of the warm-up, and late with a ring that is about to close."""
    found = [training_start()]
    if recipe.baseline is None and recipe.method.warmup_epochs:
        begins = recipe.method.warmup_epochs * counts.per_epoch
        found.append(Point("mixing begins", max(begins - 1, 1)))
    return [*found, late(counts, fill=closing)]


def rows(recipe: Recipe) -> int:
    """Returns the images of a synthetic set at least: more than the queue has keys."""
    return 0 if recipe.baseline else recipe.method.queue_length + 1


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns whether negatives are mixed."""
    return {"mixes": float(module.mixes())} if isinstance(module, MoCHi) else {}
