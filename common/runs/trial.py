"""A trial of a loss: the bench that it is trained on, its pilots, its seeds, and its best rate."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from lightning import Callback

from common.config.references import CONFIG_ROOT
from common.config.schema import Recipe
from common.errors import LikewiseError
from common.results.comparison import side_by_side
from common.results.record import Record
from common.runs.campaign_file import Campaign, read_campaign
from common.runs.own_loss import OwnLoss, own_recipe
from common.runs.run import fit_from, prepare_run

STEPS = 10


@dataclass(frozen=True)
class Bench:
    """A setting with its rivals: the campaigns that train them over seeds and chose their rates.

    The user's loss takes the place of that of the pool's first arm.
    """

    file: Path
    pool: Campaign
    pilots: Campaign

    @property
    def rate(self) -> float:
        """The learning rate of the rival whose place the loss takes."""
        return float(self.pool.recipes[0].optimizer.lr)

    def own_pilots(self, own: OwnLoss) -> Campaign:
        """Returns the pilots of the first rival with the user's loss: as many as any rival had."""
        theirs = self._first(self.pilots)
        return Campaign("pilots", [own_recipe(one, own, one.optimizer.lr) for one in theirs])

    def own_seeds(self, own: OwnLoss, lr: float, count: int) -> Campaign:
        """Returns the user's loss over the first ``count`` seeds of the pool."""
        theirs = self._first(self.pool)[:count]
        return Campaign("seeds", [own_recipe(one, own, lr) for one in theirs])

    def step_times(self, own: OwnLoss, lr: float, batches: int) -> dict[str, float]:
        """Returns the milliseconds of a step of each rival, and of the loss under its name.

        The steps are the last of the ``batches`` of a training, which are of its last stage.
        """
        rivals = {one.reference: one for one in self.pool.recipes}
        return {
            name: time_step(recipe, max(batches - STEPS, 0))
            for name, recipe in {own.name: self.own_seeds(own, lr, 1).recipes[0], **rivals}.items()
        }

    def _first(self, campaign: Campaign) -> list[Recipe]:
        first = self.pool.recipes[0].reference
        return [one for one in campaign.recipes if one.reference == first]


def read_bench(name: str) -> Bench:
    """Reads the bench ``name``; its campaigns lie in ``configs/campaigns/``."""
    file = CONFIG_ROOT / "campaigns" / f"bench-{name}.yaml"
    return Bench(file, read_campaign(file), read_campaign(file.with_stem(f"{file.stem}-pilot")))


def best_rate(pilots: Sequence[Record], rivals: float) -> tuple[float, str]:
    """Returns the rate with the best mean over the seeds of ``pilots``, and what they say of it.

    A rate at which a seed has no number stands behind all that have one for each. Where the rate of
    the rival whose place the loss takes is within a standard error of the best, it is taken: the
    difference of the two losses is not to be one of rates.

    Args:
        pilots: Of the loss.
        rivals: The rival's rate.

    Raises:
        LikewiseError: The metric of none is a number.
    """
    arms = side_by_side(pilots)[0]
    metric = arms.metrics[0]
    sign = -1 if arms.lower[metric] else 1
    found: dict[float, dict[int, float]] = {}
    for one in pilots:
        value = one.metrics.get(metric)
        values = found.setdefault(float((one.config or {})["optimizer"]["lr"]), {})
        values |= {one.seed: value} if value is not None and math.isfinite(value) else {}
    if not any(found.values()):
        raise LikewiseError(f"{metric}: no pilot has a number; the loss trains at no rate")
    means = {lr: fmean(values.values()) for lr, values in found.items() if values}
    ranks = sorted(means, key=lambda lr: (len(found[lr]), sign * means[lr]), reverse=True)
    told = ", ".join(f"{lr:g} with {means[lr]:.4g}" for lr in ranks[:3])
    told = f"of {len(found)} by the mean of {metric}: {told}"
    best, other = found[ranks[0]], found.get(rivals, {})
    less = [value - other[seed] for seed, value in best.items() if seed in other]
    if ranks[0] != rivals and len(less) == len(best) > 1:
        if abs(fmean(less)) <= stdev(less) / math.sqrt(len(less)):
            return rivals, f"the rival's, within a standard error of the best {told}"
    return ranks[0], f"best {told}"


class _Clock(Callback):
    """Takes the CPU time of ``STEPS`` steps, and ends the training after them."""

    def __init__(self) -> None:
        self.took: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self.began = time.process_time()

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.took.append(time.process_time() - self.began)
        trainer.should_stop = len(self.took) == STEPS


def time_step(recipe: Recipe, position: int) -> float:
    """Returns the CPU milliseconds of a step at batch ``position``, the fastest of `STEPS`."""
    clock = _Clock()
    fit_from(prepare_run(recipe), recipe, position, clock)
    return 1e3 * min(clock.took)


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
