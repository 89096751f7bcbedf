"""Images that stand in for a real set: of its form, drawn from a seed."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.images.batch import ViewBatch
from common.data.images.lazy import AnySplit
from common.data.images.module import ImageData
from common.data.images.sets import IGNORED, ImageSet, Split
from common.data.synthetic import CELLS, cycled, enlarged, fewer, mix_images, patterns

# How far the class of a pixel moves it.
LABEL_SHIFT = 0.1


def shape_of(data: ImageData) -> dict[str, Any]:
    """Returns what `make` must know of a set, as it is after hold-out; JSON can hold it.

    Images in files get the size of their largest view.
    """
    facts, train = data.facts, data.set["train"]
    channels, height, width = train.shape
    return {
        "channels": channels,
        "height": height or facts.size,
        "width": width or facts.size,
        "num_classes": facts.num_classes,
        "num_names": len(train.class_names),
        "splits": {
            name: {"rows": len(part), "labelled": int((part.labels >= 0).sum())}
            for name, part in data.set.items()
        },
        **_dense_shape(data.set),
    }


def _dense_shape(images: dict[str, AnySplit]) -> dict[str, Any]:
    held = [part for part in images.values() if isinstance(part, Split)]
    maps = [part.label_maps for part in held if part.label_maps is not None]
    boxes = [part.boxes for part in held if part.boxes is not None]
    return {
        "map_classes": max((int(part.max()) + 1 for part in maps), default=0),
        "map_ignored": any(bool((part == IGNORED).any()) for part in maps),
        "instance_maps": any(part.instance_maps is not None for part in held),
        "most_boxes": max((part.shape[1] for part in boxes), default=0),
        "box_classes": max((int(part[..., 4].max()) + 1 for part in boxes), default=0),
    }


def inputs(batch: ViewBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (batch.views[0],)


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> ImageSet:
    """Returns float64 images in 0..1, with the splits, labels and maps that ``shape`` tells of.

    Args:
        shape: What `shape_of` returned.
        rows: Images of a split at most (two of each class stay); None: as many as there are.
        seed: Decides every draw.
    """
    return {
        name: _make_split(shape, part, rows, (seed, number))
        for number, (name, part) in enumerate(shape["splits"].items(), 1)
    }


def _make_split(
    shape: dict[str, Any], part: dict[str, int], rows: int | None, key: tuple[int, int]
) -> Split:
    classes, size = shape["num_classes"], (shape["height"], shape["width"])
    generator, num = np.random.default_rng(key), fewer(part["rows"], rows, shape["num_classes"])
    labels = np.full(num, -1)
    labelled = max(part["labelled"] * num // part["rows"], min(classes, part["labelled"]))
    labels[generator.permutation(num)[:labelled]] = cycled(labelled, classes, generator)
    known = patterns(classes, shape["channels"], key[0])
    images = mix_images(labels, known, size, generator)
    found: dict[str, Any] = {}
    if shape["map_classes"]:
        cells = _cells(shape, num, generator)
        maps = enlarged(cells, size)
        images += LABEL_SHIFT * ((maps + 1) / (shape["map_classes"] + 1))[:, None]
        found["label_maps"] = torch.from_numpy(maps)
        if shape["instance_maps"]:
            # Each cell of a class other than the background is an object.
            numbers = np.arange(1, CELLS**2 + 1).reshape(CELLS, CELLS)
            objects = enlarged(np.where(cells > 0, numbers, 0), size)
            found["instance_maps"] = torch.from_numpy(objects.astype(np.int32))
    if shape["most_boxes"]:
        found["boxes"] = torch.from_numpy(_boxes(shape, num, generator)).float()
    names = tuple(f"class {number}" for number in range(shape["num_names"]))
    parts = torch.from_numpy(images), torch.from_numpy(labels)
    return Split(*parts, class_names=names, **found)


def _cells(shape: dict[str, Any], num: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Returns the classes of a coarse grid of each image, `IGNORED` among them where it was."""
    lowest = IGNORED if shape["map_ignored"] else 0
    drawn = cycled(num * CELLS**2, shape["map_classes"] - lowest, generator)
    return (drawn + lowest).reshape(num, CELLS, CELLS)


def _boxes(shape: dict[str, Any], num: int, generator: np.random.Generator) -> NDArray[Any]:
    """Returns ``(num, most, 5)``: corners within the image, at least a pixel apart, and class."""
    most, scale = shape["most_boxes"], np.array([shape["width"], shape["height"]])
    first = generator.random((num, most, 2)) * (scale - 1)
    second = first + 1 + generator.random((num, most, 2)) * (scale - 1 - first)
    classes = cycled(num * most, shape["box_classes"], generator).reshape(num, most, 1)
    return np.concatenate([first, second, classes], 2)
