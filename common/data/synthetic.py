"""What synthetic sources share: numbers that are equal on every machine.

Only numpy's uniform draws and its permutations are used: they involve neither vectorised functions
nor matrix products, whose last bits differ between machines.
"""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]

# What an image is mixed of: the pattern of its class, a coarse pattern of its own, and noise.
# The first is weak, so that a probe finds the class often, and not always.
SHARES = (0.15, 0.45, 0.4)
CELLS = 4
DARKEST, RANGE = 0.05, 0.8


def source_of(data_module: type) -> Any:
    """Returns the module of the synthetic source, which stands beside the data module."""
    return import_module(f"{data_module.__module__.rpartition('.')[0]}.synthetic")


def fewer(own: int, rows: int | None, num_classes: int) -> int:
    """Returns at most ``rows`` of ``own`` rows, but two of each class where there are so many."""
    return own if rows is None else min(own, max(rows, 2 * num_classes))


def fewer_of_each(counts: list[list[int]], rows: int | None) -> list[list[int]]:
    """Returns counts that add up to about ``rows``, in proportion; two stay where there are two."""
    whole = sum(map(sum, counts))
    if rows is None or rows >= whole:
        return counts
    return [[min(own, max(own * rows // whole, 2)) for own in part] for part in counts]


def cycled(count: int, num_classes: int, generator: np.random.Generator) -> Labels:
    """Returns ``(count,)`` labels in random order, every class as often as any other."""
    return generator.permutation(np.arange(count) % max(num_classes, 1))


def patterns(num_classes: int, channels: int, seed: int) -> Numbers:
    """Returns the coarse pattern of each class, ``(num_classes, channels, CELLS, CELLS)``."""
    return np.random.default_rng((seed, 0)).random((num_classes, channels, CELLS, CELLS))


def mix_images(
    labels: Labels, known: Numbers, size: tuple[int, int], generator: np.random.Generator
) -> Numbers:
    """Returns images ``(num, channels, height, width)`` within 0.05 and 0.85.

    Args:
        labels: ``(num,)``; -1 is an image of no class.
        known: `patterns` of the classes.
        size: Height and width.
        generator: Draws what is an image's own.
    """
    shape = (len(labels), *known.shape[1:])
    own = SHARES[1] * generator.random(shape)
    if len(known):
        own += SHARES[0] * np.where((labels < 0)[:, None, None, None], 0.5, known[labels])
    noise = generator.random((*shape[:2], *size))
    return DARKEST + RANGE * (enlarged(own, size) + SHARES[2] * noise)


def enlarged(cells: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Returns ``(..., height, width)``: each pixel has the value of the cell that it lies in."""
    rows, columns = (
        np.arange(pixels) * count // pixels
        for pixels, count in zip(size, cells.shape[-2:], strict=True)
    )
    return cells[..., rows[:, None], columns]
