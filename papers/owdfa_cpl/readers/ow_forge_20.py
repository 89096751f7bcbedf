"""OW-Forge-20: its carriers' sources, and the generated set from the cache or anew."""

import hashlib
import io
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.config.files import write_atomic
from common.data.catalogue.packers.arrays import BROKEN
from common.data.images.readers.packed import Packed
from common.data.images.readers.packed_sets import FACES_ATT_FILE
from common.data.targets.open_world.config import OpenWorldConfig
from common.data.targets.open_world.samples import OpenWorldSet, Part
from common.errors import DataError, LikewiseError
from papers.owdfa_cpl.standin.carriers import Pool, high_band, reduced_face
from papers.owdfa_cpl.standin.filters import SIDE, Array
from papers.owdfa_cpl.standin.forgeries import FORGERIES
from papers.owdfa_cpl.standin.generate import PRESETS, classes, generate

NUM_TRAIN_FACES, NUM_FACES = 70, 100
TRAIN_SHARE = 0.7
HASH = "sha256"  # of the arrays it is kept beside


@cache
def load_pools(faces: str = "lfw", root: str | None = None) -> dict[str, Pool]:
    """Reads the images that scikit-image and scikit-learn ship and splits them.

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
            "data.name=ow-forge-20: needs Likewise's extra [standin]: pip install scikit-image"
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
        "train": Pool(split[0], [high_band(part) for part in left]),
        "test": Pool(split[1], [high_band(part) for part in right]),
    }


def split_people(root: str | None) -> tuple[Array, Array]:
    """Returns the AT&T faces of the first 70 % of its people, and those of the others."""
    file = Packed(root, FACES_ATT_FILE, "images", "subject")
    images = file.plain("images")[:, 0].numpy()
    people = np.unique(file["subject"])
    train = np.isin(file["subject"], people[: round(TRAIN_SHARE * len(people))])
    small = np.stack([reduced_face(image) for image in images])
    return small[train], small[~train]


def cache_folder() -> Path:
    """Returns where generated sets are kept: outside any checkout."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "likewise" / "generated"


@cache
def source_digest() -> str:
    """Returns the digest of the code that decides the pixels: this file's and the generator's."""
    found, here = hashlib.sha256(), Path(__file__)
    for path in [here, *sorted((here.parents[1] / "standin").glob("*.py"))]:
        found.update(path.read_bytes())
    return found.hexdigest()


def cache_key(preset: str, with_real: bool, seed: int, faces: str = "lfw") -> str:
    """Returns 12 hex digits of everything that decides the pixels."""
    text = f"ow-forge-20 {source_digest()} {seed} {with_real} {PRESETS[preset]} {faces}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_arrays(
    preset: str, with_real: bool, seed: int, faces: str = "lfw", root: str | None = None
) -> dict[str, np.ndarray]:
    """Returns the arrays of `generate` from the cache, or generates and keeps them."""
    path = cache_folder() / f"ow-forge-20-{cache_key(preset, with_real, seed, faces)}.npz"
    if path.is_file():
        try:
            return _read_kept(path)
        except BROKEN as error:
            warnings.warn(f"{path} is not used ({error}): generated anew", stacklevel=2)
    arrays = generate(preset, with_real, seed, load_pools(faces, root))
    content = io.BytesIO()
    stored: dict[str, Any] = arrays | {HASH: np.array(_hash(arrays))}
    np.savez(content, **stored)
    try:
        write_atomic(path, content.getvalue())
    except LikewiseError as error:
        warnings.warn(f"not kept for the next run: {error}", stacklevel=2)
    return arrays


def _read_kept(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays that were kept.

    Raises:
        ValueError: If the hash beside them is missing or of others.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if not {HASH, "train_images"} <= arrays.keys():
        raise ValueError("kept by an earlier version")
    if str(arrays.pop(HASH)) != _hash(arrays):
        raise ValueError("the hash beside its arrays is not theirs")
    return arrays


def _hash(arrays: dict[str, np.ndarray]) -> str:
    """Returns the SHA-256 of names, shapes, types and values."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.shape} {array.dtype}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def from_config(config: OpenWorldConfig) -> OpenWorldSet:
    """Returns the stand-in that a recipe's ``data:`` section asks for."""
    given = config.preset, config.protocol == 2, config.data_seed
    return ow_forge_20(*given, config.faces, config.root)


def ow_forge_20(
    preset: str, with_real: bool, seed: int, faces: str = "lfw", root: str | None = None
) -> OpenWorldSet:
    """Returns the stand-in, 64 x 64 pixels in colour.

    Args:
        preset: A name of `PRESETS`.
        with_real: Protocol 2: a known and a novel class of real images too.
        seed: Seed of the images.
        faces: Whose; see `load_pools`.
        root: The recipe's ``data.root``.

    Raises:
        DataError: scikit-image or the data root's faces are missing.
    """
    stored = load_arrays(preset, with_real, seed, faces, root)
    arrays = {name: torch.from_numpy(array) for name, array in stored.items()}
    train, test = (
        Part(arrays[f"{name}_images"], arrays[f"{name}_labels"], arrays[f"{name}_tags"])
        for name in ("train", "test")
    )
    numbers = classes(with_real)
    return OpenWorldSet(
        train=train,
        test=test,
        class_names=tuple(FORGERIES[number].name for number in numbers),
        num_known=sum(FORGERIES[number].known for number in numbers),
        fingerprint=_hash(stored)[:16],
        size=SIDE,
    )
