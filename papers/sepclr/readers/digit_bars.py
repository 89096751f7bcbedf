"""Digits, of which every second one has a bar across it: what is common, and what is salient.

The background is a faint digit; the target is another such digit with one of four bars, so that
both sets vary in the digit and the target alone varies in the bar.
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from common.data.images.sets import ImageSet, Split
from common.distributed.draws import keyed_generator

SIDE, NUM_TRAIN, RENDERINGS = 16, 1297, 2
BARS = ("horizontal", "vertical", "falling", "rising")
DIGIT, BAR, HALF_WIDTH, FARTHEST = 0.5, 0.5, 1.01, 3
SPLIT_SEED, BAR_SEEDS = 0, {"train": 1, "test": 2}
DIGITS = 10
CLASS_NAMES = (
    *(f"digit {digit}" for digit in range(DIGITS) for _ in BARS),
    *(f"digit {digit}, {bar} bar" for digit in range(DIGITS) for bar in BARS),
)


def digit_bars(root: str | None = None) -> ImageSet:
    """Makes 2,594 training and 1,000 test images (1, 16, 16) from 1,297 and 500 digits.

    A label is ``40 * target + 4 * digit + bar``; the background has no bar, and bar 0 stands in its
    labels. Computed in float64 and stored as uint8, so that the last bit of a machine's arithmetic
    does not change the data. ``groups`` is the digit's row.

    Args:
        root: Not used: the digits come with scikit-learn.
    """
    ink, digits = load_digits(return_X_y=True)
    order = torch.randperm(len(ink), generator=keyed_generator(SPLIT_SEED))
    rows = {"train": order[:NUM_TRAIN], "test": order[NUM_TRAIN:]}
    faint = torch.from_numpy(ink).double().div(16).reshape(-1, 8, 8) * DIGIT
    faint = faint.repeat_interleave(2, 1).repeat_interleave(2, 2)
    classes = torch.from_numpy(digits).long()
    return {
        name: _render(faint, classes, each.repeat(RENDERINGS), BAR_SEEDS[name])
        for name, each in rows.items()
    }


def _render(faint: Tensor, classes: Tensor, rows: Tensor, seed: int) -> Split:
    generator = keyed_generator(SPLIT_SEED, seed)
    bars = torch.randint(len(BARS), rows.shape, generator=generator)
    shifts = torch.randint(-FARTHEST, FARTHEST + 1, rows.shape, generator=generator)
    # A digit is rendered twice. In training, with an odd number of digits, it is in each set once;
    # of the 500 tested digits every second one is a target twice.
    is_target = torch.arange(len(rows)) % 2 == 1
    lines = BAR * bar_masks(bars, shifts) * is_target[:, None, None]
    images = (faint[rows] + lines).clamp(0, 1).mul(255).round().to(torch.uint8)
    labels = len(BARS) * (DIGITS * is_target + classes[rows]) + bars * is_target
    return Split(images.unsqueeze(1), labels, groups=rows, class_names=CLASS_NAMES)


def bar_masks(bars: Tensor, shifts: Tensor) -> Tensor:
    """Returns where the bars are, ``(num, 16, 16)`` of 0 and 1.

    Args:
        bars: ``(num,)``, which of `BARS`.
        shifts: ``(num,)``, how far from the centre, in pixels.
    """
    place = torch.arange(SIDE, dtype=torch.float64) - (SIDE - 1) / 2
    y, x = torch.meshgrid(place, place, indexing="ij")
    diagonal = 0.5**0.5
    distances = torch.stack([y, x, (y - x) * diagonal, (y + x) * diagonal])
    return ((distances[bars] - shifts[:, None, None]).abs() <= HALF_WIDTH).double()
