"""scikit-learn's real digits, each rotated by a known angle: an exact continuous label.

The label is a step of 0 to 40; 3 degrees a step, upright at 20.
"""

import math

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

from common.data.images.readers.digits import place, uniform_draws
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.samples import TEST, TRAIN, VAL, RegressionSet
from common.distributed.draws import keyed_generator

CANVAS, INK = 24, 16
STEPS, DEGREES_PER_STEP = 41, 3
ORDER_SEED, PLAIN_SEED, SCATTER_SEED = 0, 1, 2
# Of the scattered set; scales are shares of the canvas.
SCALE, BRIGHTNESS, GREY = (0.6, 0.85), (0.6, 1.0), 0.2
BACKGROUND_STD, NOISE_STD = 0.12, 0.05


def rotated_digits(config: RegressionConfig) -> RegressionSet:
    """Returns 600 training, 200 validation and 797 test digits, centred, each rotated once."""
    return _render([(TRAIN, 0, 600, 1), (VAL, 600, 800, 1), (TEST, 1000, 1797, 1)], False)


def scattered_rotated_digits(config: RegressionConfig) -> RegressionSet:
    """Returns 3,200 / 400 / 797 rotated digits, scattered on a noisy background.

    800 digits are rendered four times for training, 200 twice for validation. Harder for pixels
    than `rotated_digits`: place, size and brightness vary as well.
    """
    return _render([(TRAIN, 0, 800, 4), (VAL, 800, 1000, 2), (TEST, 1000, 1797, 1)], True)


def _render(parts: list[tuple[int, int, int, int]], scattered: bool) -> RegressionSet:
    """Renders in float64, rounded to 256 levels so that no last bit changes the data."""
    digits = torch.from_numpy(load_digits().data).double().div(16).reshape(-1, 1, 8, 8)
    order = torch.randperm(len(digits), generator=keyed_generator(ORDER_SEED))
    rows = torch.cat([order[a:b].repeat_interleave(n) for _, a, b, n in parts])
    roles = [torch.full(((b - a) * n,), role, dtype=torch.int8) for role, a, b, n in parts]
    ink = F.interpolate(digits[rows], size=INK, mode="bilinear", align_corners=False)
    generator = keyed_generator(ORDER_SEED, SCATTER_SEED if scattered else PLAIN_SEED)
    steps = torch.randint(STEPS, (len(rows),), generator=generator)
    angle = (steps - STEPS // 2) * (DEGREES_PER_STEP * math.pi / 180)
    images = _scatter(ink, angle, generator) if scattered else _centred(ink, angle)
    images = images.clamp(0, 1).mul(255).round().div(255)
    return RegressionSet(images.float(), steps.double(), torch.cat(roles)[None])


def _scatter(ink: Tensor, angle: Tensor, generator: torch.Generator) -> Tensor:
    num = len(ink)
    scale = uniform_draws(num, *SCALE, generator)
    # In canvas halves: the unrotated digit stays inside.
    shift = (1 - scale)[:, None] * uniform_draws(2 * num, -1, 1, generator).view(num, 2)
    brightness = uniform_draws(num, *BRIGHTNESS, generator).view(-1, 1, 1, 1)
    coarse = torch.randn(num, 1, 4, 4, generator=generator, dtype=torch.float64) * BACKGROUND_STD
    background = F.interpolate(coarse, size=CANVAS, mode="bicubic", align_corners=False)
    noise = torch.randn(num, 1, CANVAS, CANVAS, generator=generator, dtype=torch.float64)
    placed = place(ink, angle.double(), scale, shift, CANVAS)
    return GREY + background + placed * brightness + noise * NOISE_STD


def _centred(ink: Tensor, angle: Tensor) -> Tensor:
    num = len(ink)
    scale = torch.full((num,), INK / CANVAS, dtype=ink.dtype)
    return place(ink, angle.double(), scale, torch.zeros(num, 2, dtype=ink.dtype), CANVAS)
