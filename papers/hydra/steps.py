"""Where Hydra's trainings are looked at, and what of them follows a schedule."""

from lightning import LightningModule

from common.config.schema import Recipe
from common.optim.ema import cosine_momentum
from common.steps.points import Counts, Place, Point, late, training_start
from papers.hydra.momentum import Hydra


def points(recipe: Recipe, counts: Counts) -> list[Point]:
    """Returns start, end of the filter's own epochs if there are some, and late."""
    alone = getattr(recipe.method, "filter_epochs", 0)
    ends = [Point("encoder joins", counts.end_of_epoch(alone - 1))] if alone else []
    return [training_start(), *ends, late(counts)]


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the momentum of the update that is next."""
    if not isinstance(module, Hydra):
        return {}
    next_one = place.update + 1
    return {"momentum": cosine_momentum(module.method.momentum, next_one, module.total_updates)}
