"""Digit scenes: up to four of scikit-learn's real digits on a smooth background, with dense labels.

Where a digit is, and which, is known for every pixel: what a dense method learns shows within two
minutes on a CPU.
"""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

from common.data.images.sets import ImageSet, Split
from common.distributed.draws import keyed_generator

SIDE, CELL = 48, 24
DIGITS = (0, 1, 4, 7)
CLASS_NAMES = ("background", *(f"digit {digit}" for digit in DIGITS))
NUM_TRAIN_DIGITS = 1297
SCENES = {"train": 1500, "test": 200}
SPLIT_SEED, SCENE_SEEDS = 3, {"train": 1, "test": 2}
PRESENT, SIZES, STRENGTH, BACKGROUND = 0.8, (15, 22), (0.7, 1.0), 0.5
# A pixel is the digit's from a quarter of full ink on.
LABEL_LEVEL = 0.25


def digit_scenes(root: str | None = None) -> ImageSet:
    """Renders 1,500 training and 200 test scenes (1, 48, 48) from different digits.

    Each quarter holds a digit with probability 0.8. ``label_maps`` has 5 classes, the background
    and four digits; a scene has no label of its own. Computed in float64 and stored as uint8, so
    that the last bit of a machine's arithmetic does not change the data.

    Args:
        root: Not used: the digits come with scikit-learn.
    """
    digits, labels = load_digits(return_X_y=True)
    ink = torch.from_numpy(digits).double().div(16).reshape(-1, 1, 8, 8)
    order = torch.randperm(len(ink), generator=keyed_generator(SPLIT_SEED)).numpy()
    rows = {"train": order[:NUM_TRAIN_DIGITS], "test": order[NUM_TRAIN_DIGITS:]}
    return {
        name: _render(ink, _rows_of_class(labels, rows[name]), SCENES[name], SCENE_SEEDS[name])
        for name in rows
    }


def _rows_of_class(labels: np.ndarray, rows: np.ndarray) -> list[list[int]]:
    return [rows[labels[rows] == digit].tolist() for digit in DIGITS]


def _render(ink: Tensor, rows: list[list[int]], num: int, seed: int) -> Split:
    generator = keyed_generator(SPLIT_SEED, seed)
    coarse = torch.rand(num, 1, 8, 8, generator=generator, dtype=torch.float64) * BACKGROUND
    canvas = F.interpolate(coarse, size=SIDE, mode="bilinear", align_corners=False)[:, 0]
    maps = torch.zeros(num, SIDE, SIDE, dtype=torch.int64)
    for scene in range(num):
        for top in (0, CELL):
            for left in (0, CELL):
                draws = torch.rand(6, generator=generator, dtype=torch.float64).tolist()
                if draws[0] < PRESENT:
                    quarter = (scene, slice(top, top + CELL), slice(left, left + CELL))
                    _place(ink, rows, draws[1:], canvas[quarter], maps[quarter])
    images = canvas.mul(255).round().to(torch.uint8).unsqueeze(1)
    nothing = torch.full((num,), -1)
    return Split(images, nothing, label_maps=maps, class_names=CLASS_NAMES)


def _place(
    ink: Tensor, rows: list[list[int]], draws: list[float], canvas: Tensor, labels: Tensor
) -> None:
    """Puts one digit, drawn from ``rows`` by class, on a quarter, in place."""
    kind = int(draws[0] * len(DIGITS))
    row = rows[kind][int(draws[1] * len(rows[kind]))]
    low, high = SIZES
    size = low + int(draws[2] * (high - low + 1))
    top, left = divmod(int(draws[3] * (CELL - size + 1) ** 2), CELL - size + 1)
    strength = STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * draws[4]
    digit = F.interpolate(ink[row : row + 1], size=size, mode="bilinear", align_corners=False)
    digit = digit[0, 0]
    at = slice(top, top + size), slice(left, left + size)
    canvas[at] += digit * (strength - canvas[at])
    labels[at][digit >= LABEL_LEVEL] = kind + 1
