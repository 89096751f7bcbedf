"""Learning rates of the authors' runs (MoCo v3's), and the weights of their older pair sampler."""

import math

import numpy as np
import numpy.typing as npt
from torch import Tensor

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
    Training reads the shared table with ``optimizer.peak_once``, which a test holds equal to this.
    """
    progress = (epoch - warmup_epochs) / max(epochs - warmup_epochs, 1)
    cosine = final + (peak - final) * (1 + np.cos(math.pi * progress)) / 2
    rise = start + (peak - start) * epoch / max(warmup_epochs, 1)
    return np.where(epoch < warmup_epochs, rise, cosine)


def pair_weights(distance: Tensor, sharpness: float) -> Tensor:
    """Returns the share of each class pair by its distance, ``(1 + d)^-sharpness``, normalised.

    The weights of hydra's older sampler (WordNet distances); 0 makes all pairs alike, 2 favours
    near ones.
    """
    weights = (1 + distance) ** -sharpness
    return weights / weights.sum()
