"""OW-Forge-20 as a set: counts, one generator a picture, and the cache.

The real benchmark's pictures are given on request. This stand-in has its structure (families, known
and novel classes, labelled and not, local and global traces), not its pictures: its numbers are
never comparable with the paper's.
"""

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from common.data.open_world.config import OpenWorldConfig
from common.data.open_world.samples import LABELLED, UNLABELLED, OpenWorldSet, Part
from common.data.open_world.standin.carriers import (
    Pool,
    draw_carrier,
    load_pools,
    render_carrier,
)
from common.data.open_world.standin.filters import SIDE, Array, compress
from common.data.open_world.standin.forgeries import FORGERIES, Forgery
from common.data.packers.arrays import BROKEN
from common.errors import LikewiseError
from common.evaluation.progress import show_progress
from common.files import write_atomic

# Part of the cache's key: raise it with any change that moves a pixel.
VERSION = 1
QUALITY = (90, 98)
CHUNK = 50
HASH = "sha256"  # of the arrays it is kept beside


class Counts(NamedTuple):
    """Pictures of a class."""

    labelled: int
    unlabelled: int
    test: int


class Preset(NamedTuple):
    """Counts of known, novel, known real and novel real classes."""

    known: Counts
    novel: Counts
    known_real: Counts
    novel_real: Counts

    def of(self, forgery: Forgery) -> Counts:
        """Returns the counts of a class."""
        if forgery.family == "real":
            return self.known_real if forgery.known else self.novel_real
        return self.known if forgery.known else self.novel


# "standard" is a tenth of the paper's table; "small" is for tests.
PRESETS = {
    "small": Preset(
        Counts(30, 10, 10), Counts(0, 30, 10), Counts(300, 100, 20), Counts(0, 100, 20)
    ),
    "standard": Preset(
        Counts(150, 50, 50), Counts(0, 150, 50), Counts(1500, 500, 100), Counts(0, 500, 100)
    ),
    "large": Preset(
        Counts(750, 250, 250), Counts(0, 750, 250), Counts(7500, 2500, 500), Counts(0, 2500, 500)
    ),
}


def classes(with_real: bool) -> list[int]:
    """Returns the numbers in `FORGERIES` that take part, known classes first."""
    numbers = range(len(FORGERIES) if with_real else len(FORGERIES) - 2)
    return sorted(numbers, key=lambda number: not FORGERIES[number].known)


def forge(number: int, split: int, index: int, seed: int, pool: Pool) -> tuple[Array, float]:
    """Returns one picture ``(64, 64, 3)`` before compression, and its quality.

    A function of its arguments alone: each picture has a generator of its own.

    Args:
        number: Of the class in `FORGERIES`.
        split: 0 for train, 1 for test.
        index: Of the picture in its class.
        seed: Of the whole set.
        pool: The split's faces and photographs.
    """
    key = np.random.SeedSequence([seed, split, number, index])
    generator, forgery = np.random.Generator(np.random.PCG64(key)), FORGERIES[number]
    carrier, other = draw_carrier(generator, pool), draw_carrier(generator, pool)
    x = render_carrier(carrier, pool)
    donor = render_carrier(other, pool) if forgery.needs_donor else None
    return forgery.make(x, donor, generator), generator.uniform(*QUALITY)


def make_pictures(
    number: int, split: int, indices: range, seed: int, pools: dict[str, Pool] | None = None
) -> np.ndarray:
    """Returns the pictures ``indices`` of a class, ``(num, 3, 64, 64)`` uint8."""
    pool = (pools or load_pools())[("train", "test")[split]]
    made = [forge(number, split, index, seed, pool) for index in indices]
    pictures = np.stack([picture for picture, _ in made])
    pixels = compress(pictures, np.array([quality for _, quality in made]))
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def generate(
    preset: str, with_real: bool, seed: int, pools: dict[str, Pool]
) -> dict[str, np.ndarray]:
    """Returns ``<split>_pictures``, ``_labels`` and ``_tags`` of the whole set."""
    plan = list(_plan(PRESETS[preset], with_real))
    found: dict[str, list[np.ndarray]] = {}
    total = sum(len(indices) for _, _, _, _, indices in plan)
    with show_progress("generating OW-Forge-20", total) as advance:
        for split, label, number, tag, indices in plan:
            name = ("train", "test")[split]
            pictures = make_pictures(number, split, indices, seed, pools)
            found.setdefault(f"{name}_pictures", []).append(pictures)
            found.setdefault(f"{name}_labels", []).append(np.full(len(indices), label))
            found.setdefault(f"{name}_tags", []).append(np.full(len(indices), tag))
            advance(len(indices), FORGERIES[number].name)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _plan(preset: Preset, with_real: bool) -> Iterator[tuple[int, int, int, int, range]]:
    """Yields (split, label, class, tag, indices) in chunks."""
    for label, number in enumerate(classes(with_real)):
        labelled, unlabelled, test = preset.of(FORGERIES[number])
        train = labelled + unlabelled
        test_tag = LABELLED if FORGERIES[number].known else UNLABELLED
        spans = [
            (0, LABELLED, range(labelled)),
            (0, UNLABELLED, range(labelled, train)),
            (1, test_tag, range(test)),
        ]
        for split, tag, indices in spans:
            for start in range(0, len(indices), CHUNK):
                yield split, label, number, tag, indices[start : start + CHUNK]


def cache_key(preset: str, with_real: bool, seed: int, faces: str = "lfw") -> str:
    """Returns 12 hex digits of everything that decides the pixels."""
    text = f"ow-forge-20 {VERSION} {seed} {with_real} {PRESETS[preset]}"
    if faces != "lfw":
        text += f" {faces}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cache_folder() -> Path:
    """Returns where generated sets are kept: outside any checkout."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "likewise" / "generated"


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
    """Reads the arrays; of others than were kept a run would not know, its record names the key.

    Raises:
        ValueError: If the hash beside them is missing or of others.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if HASH not in arrays:
        raise ValueError("kept by an earlier version, without a hash")
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
        with_real: Protocol 2: a known and a novel class of real pictures too.
        seed: Of the pictures.
        faces: Whose; see `load_pools`.
        root: The recipe's ``data.root``.

    Raises:
        DataError: scikit-image or the data root's faces are missing.
    """
    stored = load_arrays(preset, with_real, seed, faces, root)
    arrays = {name: torch.from_numpy(array) for name, array in stored.items()}
    train, test = (
        Part(arrays[f"{name}_pictures"], arrays[f"{name}_labels"], arrays[f"{name}_tags"])
        for name in ("train", "test")
    )
    numbers = classes(with_real)
    return OpenWorldSet(
        train=train,
        test=test,
        class_names=tuple(FORGERIES[number].name for number in numbers),
        num_known=sum(FORGERIES[number].known for number in numbers),
        fingerprint=cache_key(preset, with_real, seed, faces),
        size=SIDE,
    )
