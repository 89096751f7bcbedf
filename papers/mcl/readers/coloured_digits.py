"""White digits on a plain colour: the colour alone tells images apart, and hides the digit."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from common.data.images.readers.digits import place, uniform_draws
from common.data.images.sets import ImageSet, Split
from common.distributed.draws import keyed_generator

SIDE, NUM_TRAIN, RENDERINGS = 8, 1297, 2
SCALE, ROTATION, SHIFT, COLOURS = (0.8, 1.1), 0.3, 0.2, (0.1, 0.9)
SPLIT_SEED, RENDER_SEEDS = 0, {"train": 1, "test": 2}
LEVELS = ("dark", "light")
CLASS_NAMES = tuple(
    f"digit {digit}, {red} red, {green} green, {blue} blue"
    for digit in range(10)
    for red in LEVELS
    for green in LEVELS
    for blue in LEVELS
)


def coloured_digits(root: str | None = None) -> ImageSet:
    """Makes 2,594 training and 1,000 test images (3, 8, 8) from 1,297 and 500 digits.

    A label is ``8 * digit + octant``; the octant tells which channels of the colour are above 0.5.
    Computed in float64 and stored as uint8, so that the last bit of a machine's arithmetic does
    not change the data. ``groups`` is the digit's row.

    Args:
        root: Not used: the digits come with scikit-learn.
    """
    ink, digits = load_digits(return_X_y=True)
    shapes = torch.from_numpy(ink).double().div(16).reshape(-1, 1, 8, 8)
    order = torch.randperm(len(ink), generator=keyed_generator(SPLIT_SEED))
    rows = {"train": order[:NUM_TRAIN], "test": order[NUM_TRAIN:]}
    classes = torch.from_numpy(digits).long()
    return {
        name: _render(shapes, classes, each.repeat(RENDERINGS), RENDER_SEEDS[name])
        for name, each in rows.items()
    }


def _render(shapes: Tensor, classes: Tensor, rows: Tensor, seed: int) -> Split:
    generator, num = keyed_generator(SPLIT_SEED, seed), len(rows)
    scale, angle = (
        uniform_draws(num, *SCALE, generator),
        uniform_draws(num, -ROTATION, ROTATION, generator),
    )
    shift = uniform_draws(2 * num, -SHIFT, SHIFT, generator).view(num, 2)
    ink = place(shapes[rows], angle, scale, shift, SIDE)
    colour = uniform_draws(3 * num, *COLOURS, generator).view(num, 3, 1, 1)
    images = (colour * (1 - ink) + ink).clamp(0, 1).mul(255).round().to(torch.uint8)
    octant = ((colour.flatten(1) > 0.5) * torch.tensor([4, 2, 1])).sum(1)
    return Split(images, 8 * classes[rows] + octant, groups=rows, class_names=CLASS_NAMES)
