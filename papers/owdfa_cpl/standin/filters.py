"""What forgeries are made of: resampling, masks, block transforms. Images are (64, 64, 3)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.fft import dct

Array = NDArray[np.float64]
SIDE = 64
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float64)
# JPEG's luminance table (ITU-T T.81, table K.1).
LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61),
        *(12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77),
        *(24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101),
        *(72, 92, 95, 98, 112, 100, 103, 99),
    ],
    dtype=np.float64,
).reshape(8, 8)


def gauss(x: Array, sigma: float) -> Array:
    """Returns ``x`` smoothed along its first two axes."""
    return ndimage.gaussian_filter(x, sigma, axes=(0, 1))


def box(x: Array, height: int, width: int | None = None) -> Array:
    """Returns means over ``height x width`` pixels."""
    return ndimage.uniform_filter(x, (height, width or height), axes=(0, 1))


def down(x: Array, factor: int) -> Array:
    """Returns means over blocks of ``factor x factor`` pixels."""
    rows, columns, *rest = x.shape
    blocks = x.reshape(rows // factor, factor, columns // factor, factor, *rest)
    return blocks.mean(axis=(1, 3))


def nearest(x: Array) -> Array:
    """Returns ``x`` twice as large, each pixel four times."""
    return x.repeat(2, axis=0).repeat(2, axis=1)


def linear(x: Array, times: int = 1) -> Array:
    """Returns ``x`` doubled ``times`` times, bilinearly at half-pixel centres.

    Zero insertion and the filter [1, 3, 3, 1] / 8 along each axis are the same operation.
    """
    for _ in range(times):
        for axis in (0, 1):
            before = np.take(x, [0, *range(x.shape[axis] - 1)], axis)
            after = np.take(x, [*range(1, x.shape[axis]), x.shape[axis] - 1], axis)
            pair = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
            shape = list(x.shape)
            shape[axis] *= 2
            x = pair.reshape(shape)
    return x


def grid(period_x: float, period_y: float) -> Array:
    """Returns ``cos(2 pi x / px) cos(2 pi y / py)``, ``(64, 64, 1)``."""
    wave = np.cos(2 * np.pi * COLUMNS / period_x) * np.cos(2 * np.pi * ROWS / period_y)
    return wave[..., None]


def ellipse(
    centre: tuple[float, float],
    radii: tuple[float, float],
    wobble: float,
    generator: np.random.Generator,
) -> Array:
    """Returns a mask ``(64, 64)`` of 0 and 1; centre and radii wander by ``wobble`` pixels."""
    y, x, tall, wide = np.array([*centre, *radii]) + generator.uniform(-wobble, wobble, 4)
    return (((ROWS - y) / tall) ** 2 + ((COLUMNS - x) / wide) ** 2 <= 1).astype(np.float64)


def blend(x: Array, forged: Array, mask: Array, sigma: float) -> Array:
    """Returns ``forged`` where the smoothed ``mask`` is 1 and ``x`` where it is 0."""
    soft = gauss(mask, sigma)[..., None] if sigma else mask[..., None]
    return x + (forged - x) * soft


def warp(x: Array, amplitude: float, sigma: float, generator: np.random.Generator) -> Array:
    """Returns ``x`` bent by a smooth random field of about ``amplitude`` pixels."""
    fields = generator.standard_normal((2, SIDE, SIDE))
    moved = [gauss(field, sigma) * 3.5 * amplitude * sigma for field in fields]
    return sample(x, ROWS + moved[0], COLUMNS + moved[1])


def sample(x: Array, rows: Array, columns: Array) -> Array:
    """Returns ``x`` read bilinearly at the given places; beyond the border it is repeated."""
    rows, columns = (np.clip(at, 0, SIDE - 1) for at in (rows, columns))
    top, left = (np.minimum(at.astype(int), SIDE - 2) for at in (rows, columns))
    y, u = (rows - top)[..., None], (columns - left)[..., None]
    upper = x[top, left] * (1 - u) + x[top, left + 1] * u
    lower = x[top + 1, left] * (1 - u) + x[top + 1, left + 1] * u
    return upper * (1 - y) + lower * y


@cache
def _basis(size: int) -> Array:
    return dct(np.eye(size), axis=0, norm="ortho")


def to_blocks(x: Array, size: int) -> Array:
    """Returns cosine coefficients ``(..., rows, u, columns, v, channels)`` of square blocks."""
    *batch, height, width, channels = x.shape
    blocks = x.reshape(*batch, height // size, size, width // size, size, channels)
    basis = _basis(size)
    half = np.einsum("uy,...ryswc->...ruswc", basis, blocks)
    return np.einsum("vw,...ruswc->...rusvc", basis, half)


def from_blocks(coefficients: Array, size: int) -> Array:
    """Inverts `to_blocks`."""
    basis = _basis(size)
    half = np.einsum("uy,...rusvc->...rysvc", basis, coefficients)
    blocks = np.einsum("vw,...rysvc->...ryswc", basis, half)
    *batch, rows, _, columns, _, channels = blocks.shape
    return blocks.reshape(*batch, rows * size, columns * size, channels)


def low_frequencies(size: int, limit: int) -> Array:
    """Returns 1 where ``u + v <= limit``, shaped to multiply `to_blocks`."""
    u = np.arange(size)
    return (u[:, None] + u <= limit).astype(np.float64)[:, None, :, None]


def compress(x: Array, quality: Array) -> NDArray[np.uint8]:
    """Quantises 8 x 8 cosine coefficients of each channel as JPEG does, and rounds to 8 bits.

    Our own arithmetic, so that no codec's version changes the pixels.

    Args:
        x: ``(num, 64, 64, 3)`` in about 0..1.
        quality: ``(num,)``, from 50 to 100.
    """
    scale = (200 - 2 * quality)[:, None, None]
    table = np.maximum(np.floor((LUMINANCE * scale + 50) / 100), 1)
    steps = table[:, None, :, None, :, None]  # (num, rows, u, columns, v, channels)
    levels = to_blocks(np.clip(x, 0, 1) * 255 - 128, 8)
    pixels = from_blocks(np.round(levels / steps) * steps, 8) + 128
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)
