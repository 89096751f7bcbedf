"""What forgeries are applied to: the low band of real faces, the high band of real photographs.

Content, identity, colour and noise are drawn independently of the class; test carriers share no
face image and no area of a photograph with training ones (of LFW's faces, a person may occur in
both).
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from papers.owdfa_cpl.standin.filters import COLUMNS, ROWS, SIDE, Array, gauss

FACE_SIDE = 25
TINT = np.array([1.05, 1.0, 0.92])


class Pool(NamedTuple):
    """Faces ``(num, 25, 25)`` in 0..1, and the high bands of parts of photographs."""

    faces: Array
    details: list[Array]


class CarrierDraws(NamedTuple):
    """Everything random in one carrier."""

    faces: tuple[int, int]
    share: float
    mirrored: bool
    place: Array  # zoom, rotation in degrees, shift down and right in face pixels
    tint: Array
    photo: int
    corner: Array  # in 0..1 of what the photograph leaves
    photo_mirrored: bool
    detail: float
    ramp: tuple[float, float]  # amplitude, direction
    noise: Array


def reduced_face(face: np.ndarray) -> Array:
    """Returns the central square of a face at the side that LFW's have, in 0..1."""
    side = min(face.shape)
    top, left = ((length - side) // 2 for length in face.shape)
    square = Image.fromarray(face[top : top + side, left : left + side])
    reduced = square.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.BOX)
    return np.asarray(reduced, dtype=np.float64) / 255


def high_band(photo: Array) -> Array:
    """Returns what a photograph holds beyond its coarse shapes."""
    photo = photo / 255.0
    return photo - gauss(photo, 1.5)


def draw_carrier(generator: np.random.Generator, pool: Pool) -> CarrierDraws:
    """Draws a carrier; always the same number of draws."""
    first, second = generator.choice(len(pool.faces), 2, replace=False)
    uniform = generator.uniform
    return CarrierDraws(
        faces=(int(first), int(second)),
        share=uniform(0.5, 1),
        mirrored=uniform() < 0.5,
        place=uniform([0.98, -8, -1.2, -1.2], [1.18, 8, 1.2, 1.2]),
        tint=1 + 0.07 * generator.standard_normal(3),
        photo=int(generator.integers(len(pool.details))),
        corner=uniform(size=2),
        photo_mirrored=uniform() < 0.5,
        detail=uniform(0.35, 0.85),
        ramp=(uniform(0, 0.12), uniform(0, 2 * np.pi)),
        noise=uniform(0.006, 0.014) * generator.standard_normal((SIDE, SIDE, 3)),
    )


def render_carrier(draws: CarrierDraws, pool: Pool) -> Array:
    """Returns the image ``(64, 64, 3)`` in 0..1."""
    first, second = draws.faces
    face = draws.share * pool.faces[first] + (1 - draws.share) * pool.faces[second]
    grey = _enlarge(face[:, ::-1] if draws.mirrored else face, draws.place)
    x = 0.08 + 0.84 * grey[..., None] * TINT * draws.tint
    detail = pool.details[draws.photo]
    top, left = (draws.corner * (np.array(detail.shape[:2]) - SIDE + 1)).astype(int)
    crop = detail[top : top + SIDE, left : left + SIDE]
    x = x + draws.detail * (crop[:, ::-1] if draws.photo_mirrored else crop)
    amplitude, direction = draws.ramp
    slope = np.cos(direction) * COLUMNS + np.sin(direction) * ROWS
    x = x + amplitude * ((slope - slope.mean()) / SIDE)[..., None]
    return np.clip(x + draws.noise, 0, 1)


def _enlarge(face: Array, place: Array) -> Array:
    """Returns the face at 64 x 64 pixels: cubic, zoomed, turned and shifted about its centre."""
    zoom, degrees, down, right = place
    angle, step = np.deg2rad(degrees), FACE_SIDE / SIDE / zoom
    turn = step * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, (SIDE - 1) / 2)
    offset = (FACE_SIDE - 1) / 2 + np.array([down, right]) - turn @ middle
    return ndimage.affine_transform(
        face, turn, offset, output_shape=(SIDE, SIDE), order=3, mode="nearest"
    )
