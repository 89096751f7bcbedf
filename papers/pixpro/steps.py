"""What of PixPro's trainings follows a schedule, beside the rates."""

from lightning import LightningModule

from common.optim.ema import cosine_momentum
from common.steps.points import Place
from papers.pixpro.module import PixPro


def scheduled(module: LightningModule, place: Place) -> dict[str, float]:
    """Returns the momentum of the update that is next."""
    if not isinstance(module, PixPro):
        return {}
    next_one = place.update + 1
    return {"momentum": cosine_momentum(module.method.momentum, next_one, module.total_updates)}
