"""The classes of OW-Forge-20: 20 kinds of forgery trace in four families, and two kinds of real.

Each imitates a **kind** of trace (resampling, seam, grid, block transform, in-painting, denoising);
none is the forger it is named after. All take the carrier, a donor's image (None where the class
needs none) and the sample's generator.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from papers.owdfa_cpl.standin.filters import (
    COLUMNS,
    ROWS,
    SIDE,
    Array,
    blend,
    box,
    down,
    ellipse,
    from_blocks,
    gauss,
    grid,
    linear,
    low_frequencies,
    nearest,
    sample,
    to_blocks,
    warp,
)

Random = np.random.Generator


def face_mask(generator: Random) -> Array:
    """Returns the mask of a face."""
    return ellipse((34, 32), (22, 17), 2, generator)


def mouth_mask(generator: Random) -> Array:
    """Returns the mask of a mouth."""
    return ellipse((46, 32), (9, 14), 1.5, generator)


def matched(donor: Array, x: Array, mask: Array) -> Array:
    """Returns the donor with the means and deviations that ``x`` has inside the mask."""
    inside = mask > 0
    theirs, ours = donor[inside], x[inside]
    gain = ours.std(axis=0) / np.maximum(theirs.std(axis=0), 1e-6)
    return (donor - theirs.mean(axis=0)) * gain + ours.mean(axis=0)


def is_ae(x: Array, donor: Array, generator: Random) -> Array:
    """Identity swap of half resolution, softly blended."""
    mask = face_mask(generator)
    return blend(x, linear(down(matched(donor, x, mask), 2)), mask, 2)


def is_lab(x: Array, donor: Array, generator: Random) -> Array:
    """Identity swap, sharpened, with a narrow seam."""
    mask = face_mask(generator)
    swapped = matched(donor, x, mask)
    return blend(x, swapped + 1.2 * (swapped - gauss(swapped, 1)), mask, 0.8)


def is_poly(x: Array, donor: Array, generator: Random) -> Array:
    """Identity swap zoomed by nearest sampling, with a hard seam."""
    mask = face_mask(generator)
    zoom, middle = generator.uniform(1.15, 1.35), (SIDE - 1) / 2
    places = np.round(middle + (np.arange(SIDE) - middle) / zoom).astype(int)
    return blend(x, matched(donor, x, mask)[np.ix_(places, places)], mask, 0)


def is_pyr(x: Array, donor: Array, generator: Random) -> Array:
    """Identity swap blended band by band, with a grid."""
    mask = face_mask(generator)
    swapped = matched(donor, x, mask)
    swapped = 0.6 * linear(down(swapped, 2)) + 0.4 * swapped + 0.035 * grid(2, 2)
    low, swapped_low = gauss(x, 3), gauss(swapped, 3)
    return blend(low, swapped_low, mask, 4) + blend(x - low, swapped - swapped_low, mask, 0.5)


def is_med(x: Array, donor: Array, generator: Random) -> Array:
    """Identity swap, median-filtered."""
    mask = face_mask(generator)
    swapped = ndimage.median_filter(matched(donor, x, mask), size=3, axes=(0, 1))
    return blend(x, swapped, mask, 1.2)


def et_mesh(x: Array, donor: Array, generator: Random) -> Array:
    """Expression by a bent mesh around the mouth."""
    mask = mouth_mask(generator)
    return blend(x, box(warp(x, 1.6, 7, generator), 2), mask, 1)


def et_fomm(x: Array, donor: Array, generator: Random) -> Array:
    """Expression by a flow field, with a patch that was filled in."""
    mask = face_mask(generator)
    moved = warp(x, 1, 10, generator)
    moved = sample(moved, ROWS + 0.5, COLUMNS + 0.5)
    y, x0 = np.array([44, 32]) + generator.uniform(-2, 2, 2)
    disc = ((ROWS - y) ** 2 + (COLUMNS - x0) ** 2 <= 25)[..., None]
    return blend(x, np.where(disc, gauss(moved, 2.5), moved), mask, 3)


def et_ntex(x: Array, donor: Array, generator: Random) -> Array:
    """Expression by a texture of 4 x 4 blocks."""
    blocks = to_blocks(x, 4) * low_frequencies(4, 2)
    return blend(x, from_blocks(np.round(blocks * 24) / 24, 4), mouth_mask(generator), 0.7)


def et_atvg(x: Array, donor: Array, generator: Random) -> Array:
    """Expression by nearest upsampling whose four phases differ in gain."""
    gains = np.tile([[1, 0.96], [0.97, 1.04]], (SIDE // 2, SIDE // 2))[..., None]
    return blend(x, (0.7 * nearest(down(x, 2)) + 0.3 * x) * gains, mouth_mask(generator), 1)


def et_talk(x: Array, donor: Array, generator: Random) -> Array:
    """Expression smeared sideways."""
    return blend(x, box(x, 1, 5), mouth_mask(generator), 0.7)


def am_mask(x: Array, donor: Array, generator: Random) -> Array:
    """Hair of another tint, of half resolution, with lines."""
    mask = (ROWS < generator.integers(16, 22)).astype(np.float64)
    tint = 1 + 0.06 * generator.standard_normal(3)
    lines = 0.02 * np.cos(np.pi * ROWS)[..., None]
    return blend(x, (0.5 * linear(down(x, 2)) + 0.5 * x) * tint + lines, mask, 1.5)


def am_app(x: Array, donor: Array, generator: Random) -> Array:
    """Skin smoothed where it is smooth already, and a tone curve."""
    smooth = gauss(x, 1.2)
    weight = np.exp(-(((x - smooth) / 0.05) ** 2))
    y = x * (1 - weight) + smooth * weight
    return y + 0.05 * np.sin(2 * np.pi * y)


def am_star2(x: Array, donor: Array, generator: Random) -> Array:
    """The whole image partly resampled, other colours, a grid of period 4."""
    gain = 1 + 0.05 * generator.standard_normal(3)
    return (0.35 * linear(down(x, 2)) + 0.65 * x) * gain + 0.014 * grid(4, 4)


def am_free(x: Array, donor: Array, generator: Random) -> Array:
    """Strokes that were painted out and filled from their surroundings."""
    hole = np.zeros((SIDE, SIDE), dtype=bool)
    for _ in range(generator.integers(3, 6)):
        place, direction = generator.uniform(12, 52, 2), generator.uniform(0, 2 * np.pi)
        for turn in generator.normal(0, 0.5, generator.integers(10, 22)):
            direction += turn
            place = place + 1.6 * np.array([np.sin(direction), np.cos(direction)])
            hole |= (ROWS - place[0]) ** 2 + (COLUMNS - place[1]) ** 2 <= 2.2**2
    y = np.where(hole[..., None], gauss(x, 6), x)
    for _ in range(25):
        y[hole] = box(y, 3)[hole]
    return y


def am_star(x: Array, donor: Array, generator: Random) -> Array:
    """The whole image partly resampled, through a tanh, with columns."""
    y = 0.35 * linear(down(x, 2)) + 0.65 * x
    columns = 0.016 * np.cos(np.pi * COLUMNS)[..., None]
    return 1.12 * np.tanh(2.2 * (y - 0.5)) / 2.2 + 0.5 + columns


def fs_style(x: Array, donor: Array, generator: Random) -> Array:
    """Synthesis by nearest upsampling and [1, 2, 1], with noise at two scales."""
    y = ndimage.convolve1d(nearest(down(x, 2)), np.array([0.25, 0.5, 0.25]), axis=0)
    y = ndimage.convolve1d(y, np.array([0.25, 0.5, 0.25]), axis=1)
    fine = generator.standard_normal((SIDE, SIDE, 1))
    coarse = generator.standard_normal((SIDE // 2, SIDE // 2, 1))
    return y + 0.014 * fine + 0.016 * nearest(coarse)


def fs_cycle(x: Array, donor: Array, generator: Random) -> Array:
    """Synthesis by transposed convolution, uneven over its phases."""
    small = down(x, 2)
    y = np.zeros_like(x)
    y[::2, ::2] = small
    for axis in (0, 1):
        y = ndimage.convolve1d(y, np.array([0.46, 1, 0.54]), axis=axis)
    return (0.8 * y + 0.2 * x) * (1 + 0.03 * grid(2, 2)) + 0.008 * grid(4, 4)


def fs_pg(x: Array, donor: Array, generator: Random) -> Array:
    """Synthesis from a quarter of the resolution, nearest and 3 x 3 means, twice."""
    y = down(x, 4)
    for _ in range(2):
        y = box(nearest(y), 3)
    return 0.75 * y + 0.25 * x


def fs_style2(x: Array, donor: Array, generator: Random) -> Array:
    """Synthesis as a sum of two resolutions, the finer one too strong."""
    coarse, fine = linear(down(x, 8), 3), linear(down(x, 2))
    noise = 0.012 * generator.standard_normal((SIDE, SIDE, 1))
    return coarse + 1.15 * (fine - coarse) + noise


def fs_diff(x: Array, donor: Array, generator: Random) -> Array:
    """Synthesis by denoising twice from few frequencies."""
    y = from_blocks(to_blocks(x, 8) * low_frequencies(8, 5), 8)
    for sigma in (0.04, 0.02):
        y = y + sigma * generator.standard_normal(y.shape)
        mean = box(y, 5)
        variance = box(y**2, 5) - mean**2
        keep = np.maximum(variance - sigma**2, 0) / np.maximum(variance, sigma**2)
        smooth = gauss(y, 0.8)
        y = smooth + keep * (y - smooth)
    return y


def real_a(x: Array, donor: Array, generator: Random) -> Array:
    """Real, as the camera gave it."""
    return x


def real_b(x: Array, donor: Array, generator: Random) -> Array:
    """Real, from another camera: soft colours, sharpened."""
    grey = x.mean(axis=2, keepdims=True)
    y = grey + gauss(x - grey, 1)
    return y + 0.35 * (y - gauss(y, 0.8))


class Forgery(NamedTuple):
    """One class: what makes it, its family, and whether its labels are known."""

    make: Callable[[Array, Any, Random], Array]
    family: str
    known: bool

    @property
    def name(self) -> str:
        """The class's name."""
        return self.make.__name__

    @property
    def needs_donor(self) -> bool:
        """Whether it takes a second carrier."""
        return self.family == "identity swap"


FAMILIES = {
    "is": "identity swap",
    "et": "expression transfer",
    "am": "attribute manipulation",
    "fs": "entire synthesis",
    "real": "real",
}
# In the order of their labels: known ones first, real ones last.
KNOWN = (is_ae, is_lab, et_mesh, et_fomm, am_mask, am_app, fs_style, fs_cycle, real_a)
ORDER = (
    *KNOWN[:8],
    *(is_poly, is_pyr, is_med, et_ntex, et_atvg, et_talk, am_star2, am_free, am_star),
    *(fs_pg, fs_style2, fs_diff, real_a, real_b),
)
FORGERIES = tuple(
    Forgery(make, FAMILIES[make.__name__.partition("_")[0]], make in KNOWN) for make in ORDER
)
