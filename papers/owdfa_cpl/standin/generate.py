"""OW-Forge-20 as a set: counts, and one generator an image.

The real benchmark's images are given on request. This stand-in has its structure (families, known
and novel classes, labelled and not, local and global traces), not its images: its numbers are
never comparable with the paper's.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from common.data.targets.open_world.samples import LABELLED, UNLABELLED
from common.evaluation.progress import show_progress
from papers.owdfa_cpl.standin.carriers import Pool, draw_carrier, render_carrier
from papers.owdfa_cpl.standin.filters import Array, compress
from papers.owdfa_cpl.standin.forgeries import FORGERIES, Forgery

QUALITY = (90, 98)
CHUNK = 50


class Counts(NamedTuple):
    """Images of a class."""

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
    """Returns one image ``(64, 64, 3)`` before compression, and its quality.

    A function of its arguments alone: each image has a generator of its own.

    Args:
        number: Number of the class in `FORGERIES`.
        split: 0 for train, 1 for test.
        index: Index of the image in its class.
        seed: Seed of the whole set.
        pool: The split's faces and photographs.
    """
    key = np.random.SeedSequence([seed, split, number, index])
    generator, forgery = np.random.Generator(np.random.PCG64(key)), FORGERIES[number]
    carrier, other = draw_carrier(generator, pool), draw_carrier(generator, pool)
    x = render_carrier(carrier, pool)
    donor = render_carrier(other, pool) if forgery.needs_donor else None
    return forgery.make(x, donor, generator), generator.uniform(*QUALITY)


def make_images(
    number: int, split: int, indices: range, seed: int, pools: dict[str, Pool]
) -> np.ndarray:
    """Returns the images ``indices`` of a class, ``(num, 3, 64, 64)`` uint8."""
    pool = pools[("train", "test")[split]]
    made = [forge(number, split, index, seed, pool) for index in indices]
    images = np.stack([image for image, _ in made])
    pixels = compress(images, np.array([quality for _, quality in made]))
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def generate(
    preset: str, with_real: bool, seed: int, pools: dict[str, Pool]
) -> dict[str, np.ndarray]:
    """Returns ``<split>_images``, ``_labels`` and ``_tags`` of the whole set."""
    plan = list(_plan(PRESETS[preset], with_real))
    found: dict[str, list[np.ndarray]] = {}
    total = sum(len(indices) for _, _, _, _, indices in plan)
    with show_progress("generating OW-Forge-20", total) as advance:
        for split, label, number, tag, indices in plan:
            name = ("train", "test")[split]
            images = make_images(number, split, indices, seed, pools)
            found.setdefault(f"{name}_images", []).append(images)
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
