"""Learning rates of the authors' runs (MoCo v3's), and the weights of their older pair sampler."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from common.config import OptimizerConfig

Floats = npt.NDArray[np.float64]


def learning_rates(
    epoch: Floats,
    peak: float,
    warmup_epochs: int,
    epochs: int,
    start: float = 0.0,
    final: float = 0.0,
) -> Floats:
    """Returns the rate at each fractional ``epoch``: a linear rise to ``peak``, a half cosine.

    MoCo v3's, and so hydra's: the first update has the rate ``start``, and ``peak`` stands once.
    The shared table reaches it an update earlier and holds it for two.
    """
    progress = (epoch - warmup_epochs) / max(epochs - warmup_epochs, 1)
    cosine = final + (peak - final) * (1 + np.cos(math.pi * progress)) / 2
    rise = start + (peak - start) * epoch / max(warmup_epochs, 1)
    return np.where(epoch < warmup_epochs, rise, cosine)


def with_fractional_epochs(
    configured: dict[str, Any], config: OptimizerConfig, epochs: int | None
) -> dict[str, Any]:
    """Gives what `common.optim.build.configure` returned the rates of `learning_rates`.

    Other schedules than the cosine, and trainings that are not counted in epochs, stay as they are.
    """
    scheduler = configured["lr_scheduler"]["scheduler"]
    if config.schedule == "cosine" and epochs is not None and epochs > 0:
        epoch = np.arange(len(scheduler.table)) * epochs / len(scheduler.table)
        scheduler.table = learning_rates(
            epoch, config.lr, config.warmup_epochs, epochs, config.warmup_start_lr, config.final_lr
        )
    return configured


def pair_weights(distance: Tensor, sharpness: float) -> Tensor:
    """Returns the share of each class pair by its distance, ``(1 + d)^-sharpness``, normalised.

    The weights of hydra's older sampler (WordNet distances); 0 makes all pairs alike, 2 favours
    near ones.
    """
    weights = (1 + distance) ** -sharpness
    return weights / weights.sum()
