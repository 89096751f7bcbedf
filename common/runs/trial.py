"""A trial of a loss: the bench that it is trained on, its pilots, its seeds, and its best rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.config.references import CONFIG_ROOT
from common.config.schema import Recipe
from common.errors import LikewiseError
from common.results.comparison import side_by_side
from common.results.record import Record
from common.runs.campaign_file import Campaign, read_campaign
from common.runs.own_loss import OwnLoss, own_recipe


@dataclass(frozen=True)
class Bench:
    """A setting with its rivals: the campaigns that train them over seeds and chose their rates.

    The user's loss takes the place of that of the pool's first arm.
    """

    file: Path
    pool: Campaign
    pilots: Campaign

    def own_pilots(self, own: OwnLoss) -> Campaign:
        """Returns the pilots of the first rival with the user's loss: as many as any rival had."""
        theirs = self._first(self.pilots)
        return Campaign("pilots", [own_recipe(one, own, one.optimizer.lr) for one in theirs])

    def own_seeds(self, own: OwnLoss, lr: float, count: int) -> Campaign:
        """Returns the user's loss over the first ``count`` seeds of the pool."""
        theirs = self._first(self.pool)[:count]
        return Campaign("seeds", [own_recipe(one, own, lr) for one in theirs])

    def _first(self, campaign: Campaign) -> list[Recipe]:
        first = self.pool.recipes[0].reference
        return [one for one in campaign.recipes if one.reference == first]


def read_bench(name: str) -> Bench:
    """Reads the bench ``name``; its campaigns lie in ``configs/campaigns/``."""
    file = CONFIG_ROOT / "campaigns" / f"bench-{name}.yaml"
    return Bench(file, read_campaign(file), read_campaign(file.with_stem(f"{file.stem}-pilot")))


def best_rate(pilots: Sequence[Record]) -> tuple[float, str]:
    """Returns the rate of the best of ``pilots``, and the metric that tells it.

    Raises:
        LikewiseError: The metric of none is a number.
    """
    arms = side_by_side(pilots)[0]
    metric = arms.metrics[0]
    sign = -1 if arms.lower[metric] else 1
    values = {one.run_id: one.metrics.get(metric) for one in pilots}
    known = [one for one in pilots if math.isfinite(values[one.run_id] or math.nan)]
    if not known:
        raise LikewiseError(f"{metric}: no pilot has a number; the loss trains at no rate")
    best = max(known, key=lambda one: sign * (values[one.run_id] or 0.0))
    return float((best.config or {})["optimizer"]["lr"]), metric


def case_of_loss(own: OwnLoss) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a reference case and its description: value and gradient of the loss as tried."""
    generator = torch.Generator().manual_seed(0)
    z1, z2 = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    z1.requires_grad_()
    loss = own(z1, z2, torch.arange(6) % 2)
    (gradient,) = torch.autograd.grad(loss, z1)
    arrays = {
        "z1": z1.detach().numpy(),
        "z2": z2.numpy(),
        "loss": loss.detach().numpy(),
        "grad_z1": gradient.numpy(),
    }
    largest = max(1.0, *(float(np.abs(arrays[name]).max()) for name in ("loss", "grad_z1")))
    description = {
        "what": "the loss as it was when it was tried; no other code computed it",
        "call": "the loss of z1, z2 and labels 0, 1, 0, ...; grad_z1 is its gradient",
        "outputs": ["loss", "grad_z1"],
        "tolerance": {"float64": 1e-9, "float32": 1e-4 * largest},
    }
    return arrays, description
