"""What forgeries are applied to: the low band of real faces, the high band of real photographs.

Content, identity, colour and noise are drawn independently of the class; test carriers share no
face picture and no area of a photograph with training ones (of LFW's faces, a person may occur in
both).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from common.data.open_world.standin.filters import COLUMNS, ROWS, SIDE, Array, gauss
from common.data.pictures.packed import Packed
from common.data.pictures.published import FACES_ATT_FILE
from common.errors import DataError

NUM_TRAIN_FACES, NUM_FACES, FACE_SIDE = 70, 100, 25
TRAIN_SHARE = 0.7
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


@cache
def load_pools(faces: str = "lfw", root: str | None = None) -> dict[str, Pool]:
    """Reads the pictures that scikit-image and scikit-learn ship and splits them.

    Args:
        faces: "lfw": 100 that scikit-image ships. "att": the data root's 400 of 40 people, of whom
            nobody is in both splits.
        root: The recipe's ``data.root``.

    Raises:
        DataError: scikit-image or the data root's faces are missing.
    """
    try:
        from skimage import data
    except ImportError:
        raise DataError(
            "ow-forge-20 is made from the pictures that scikit-image ships, and that is not "
            "installed: pip install scikit-image, which Likewise's extra [standin] holds"
        ) from None
    from sklearn.datasets import load_sample_image

    lfw = data.lfw_subset()[:NUM_FACES].astype(np.float64)
    split = split_people(root) if faces == "att" else (lfw[:NUM_TRAIN_FACES], lfw[NUM_TRAIN_FACES:])
    photos = [data.astronaut(), data.coffee(), data.chelsea(), data.stereo_motorcycle()[0]]
    photos += [data.rocket(), *(load_sample_image(name) for name in ("china.jpg", "flower.jpg"))]
    cuts = [round(TRAIN_SHARE * photo.shape[1]) for photo in photos]
    left = [photo[:, :cut] for photo, cut in zip(photos, cuts, strict=True)]
    right = [photo[:, cut:] for photo, cut in zip(photos, cuts, strict=True)]
    return {
        "train": Pool(split[0], [_high_band(part) for part in left]),
        "test": Pool(split[1], [_high_band(part) for part in right]),
    }


def split_people(root: str | None) -> tuple[Array, Array]:
    """Returns the AT&T faces of the first 70 % of its people, and those of the others."""
    file = Packed(root, FACES_ATT_FILE, "images", "subject")
    pictures = file.plain("images")[:, 0].numpy()
    people = np.unique(file["subject"])
    train = np.isin(file["subject"], people[: round(TRAIN_SHARE * len(people))])
    small = np.stack([_reduced(picture) for picture in pictures])
    return small[train], small[~train]


def _reduced(face: np.ndarray) -> Array:
    """Returns the central square of a face at the side that LFW's have, in 0..1."""
    side = min(face.shape)
    top, left = ((length - side) // 2 for length in face.shape)
    square = Image.fromarray(face[top : top + side, left : left + side])
    reduced = square.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.BOX)
    return np.asarray(reduced, dtype=np.float64) / 255


def _high_band(photo: Array) -> Array:
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
    """Returns the picture ``(64, 64, 3)`` in 0..1."""
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
