"""Images of known and novel classes that stand in for a real set of their form."""

from typing import Any

import numpy as np
import torch

from common.data.images.sets import Split, fingerprint
from common.data.synthetic import fewer_of_each, mix_images, patterns
from common.data.targets.open_world.batch import OpenWorldBatch
from common.data.targets.open_world.module import OpenWorldData
from common.data.targets.open_world.samples import OpenWorldSet, Part

CHANNELS = 3


def shape_of(data: OpenWorldData) -> dict[str, Any]:
    """Returns what `make` must know of a set, its tags as the reader gives them.

    ``counts``: of each split, for each tag that occurs the images of each class. JSON can hold
    it.
    """
    whole, num_classes = data.whole, len(data.whole.class_names)
    return {
        "size": whole.size,
        "num_known": whole.num_known,
        "counts": {
            name: {
                str(tag): torch.bincount(part.labels[part.tags == tag], minlength=num_classes)
                .int()
                .tolist()
                for tag in part.tags.unique().tolist()
            }
            for name, part in (("train", whole.train), ("test", whole.test))
        },
    }


def inputs(batch: OpenWorldBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (batch.images,)


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> OpenWorldSet:
    """Returns float64 images in 0..1.

    Args:
        shape: What `shape_of` returned.
        rows: About so many images of a split, two of each class and tag at least; None: all.
        seed: Decides every draw.
    """
    num_classes = len(next(iter(shape["counts"]["train"].values())))
    known = patterns(num_classes, CHANNELS, seed)
    parts = {
        name: _make_part(counts, rows, known, shape["size"], np.random.default_rng((seed, number)))
        for number, (name, counts) in enumerate(shape["counts"].items(), 1)
    }
    splits = {
        name: Split(part.images[torch.arange(len(part.labels))], part.labels)
        for name, part in parts.items()
    }
    return OpenWorldSet(
        parts["train"],
        parts["test"],
        tuple(f"class {number}" for number in range(num_classes)),
        shape["num_known"],
        fingerprint(splits),
        shape["size"],
    )


def _make_part(
    counts: dict[str, list[int]],
    rows: int | None,
    known: np.ndarray,
    size: int,
    generator: np.random.Generator,
) -> Part:
    classes = np.arange(len(known))
    kept = fewer_of_each(list(counts.values()), rows)
    labels = np.concatenate([np.repeat(classes, numbers) for numbers in kept])
    tags = np.repeat([int(tag) for tag in counts], [sum(numbers) for numbers in kept])
    order = generator.permutation(len(labels))
    images = mix_images(labels[order], known, (size, size), generator)
    arrays = (images, labels[order], tags[order])
    return Part(*map(torch.from_numpy, arrays))
