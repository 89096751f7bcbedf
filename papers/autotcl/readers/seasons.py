"""Generated series of several seasons, of which it is known which steps carry information."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.signal import lfilter

from common.data.series.config import SeriesConfig
from common.data.series.sets import LongSeries, split_steps

# One series for all seeds of a run.
SEED = 0
SHARES = (0.6, 0.2, 0.2)
SHORTEST, LONGEST = 6, 24


class Noise(NamedTuple):
    """What the uninformative stretches are made of.

    ``share`` of the steps is covered; ``deviation`` is the noise's, ``added`` to the signal or in
    its place; ``swing`` is the deviation of the log amplitude of the day.
    """

    share: float
    deviation: float
    added: bool
    swing: float


KINDS = {
    "seasons-loud": Noise(0.2, 3.0, True, 0.5),
    "seasons-quiet": Noise(0.6, 0.3, False, 0.25),
    "seasons-equal": Noise(0.4, 1.0, False, 0.5),
}


def seasons(config: SeriesConfig) -> LongSeries:
    """Returns hourly steps with a day, a week and a slower wave, hidden in part by noise."""
    noise, rng = KINDS[config.name], np.random.default_rng(SEED)
    parts = split_steps(config.num_steps, SHARES)
    train = slice(*parts[0])
    clean = _standardised(_signal(config.num_steps, noise.swing, rng), train)
    hidden = _stretches(config.num_steps, noise.share, rng)
    burst = noise.deviation * rng.standard_normal(config.num_steps)
    observed = np.where(hidden, burst + (clean if noise.added else 0), clean)
    values = torch.from_numpy(observed)[:, None]
    return LongSeries(
        values,
        ("value",),
        parts,
        informative=torch.from_numpy(~hidden),
        clean=torch.from_numpy(clean),
    )


def _wander(steps: int, memory: float, deviation: float, rng: Any) -> Any:
    """An Ornstein-Uhlenbeck process from zero: its memory in steps, its stationary deviation."""
    keep = math.exp(-1 / memory)
    kicks = deviation * math.sqrt(1 - keep**2) * rng.standard_normal(steps)
    kicks[0] = 0
    return lfilter([1.0], [1.0, -keep], kicks)


def _signal(steps: int, swing: float, rng: Any) -> Any:
    t = np.arange(steps)
    phase = 2 * np.pi * t / 24 + _wander(steps, 400, 0.12, rng)
    day = np.sin(phase) + 0.5 * np.sin(2 * phase + 0.7) + 0.3 * np.sin(3 * phase + 1.9)
    week = np.where(t // 24 % 7 < 5, 1.0, 0.45)
    slow = 0.7 * np.sin(2 * np.pi * t / 61 + _wander(steps, 300, 0.8, rng))
    amplitude = np.exp(_wander(steps, 150, swing, rng))
    level = 0.8 * _wander(steps, 60, 0.5, rng)
    return amplitude * week * day + level + slow + 0.1 * rng.standard_normal(steps)


def _standardised(values: Any, train: slice) -> Any:
    return (values - values[train].mean()) / values[train].std()


def _stretches(steps: int, share: float, rng: Any) -> Any:
    """Returns true on stretches put down at random until they cover ``share`` of the steps."""
    covered = np.zeros(steps, dtype=bool)
    while covered.mean() < share:
        start = rng.integers(steps)
        covered[start : start + rng.integers(SHORTEST, LONGEST + 1)] = True
    return covered
