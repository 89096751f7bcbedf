"""Images with texts that stand in for a real set: of its form, drawn from a seed."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.image_text.batch import PairBatch
from common.data.image_text.module import ImageTextData
from common.data.image_text.sets import Captioned, CaptionedSet, Labelled, Variants
from common.data.images.sets import Split
from common.data.synthetic import cycled, fewer, mix_images, patterns

# Words of a text.
SHORTEST, LONGEST = 5, 12
# Kinds of images, whose captions have a word in common.
TOPICS = 16


def shape_of(data: ImageTextData) -> dict[str, Any]:
    """Returns what `make` must know of a set; JSON can hold it."""
    facts, found = data.facts, data.set
    train, classes = found.train, found.classes
    parts = {"train": train, **found.held_out}
    return {
        "channels": facts.channels,
        "size": facts.image_size,
        "words": facts.num_words,
        "parts": {
            name: {"images": len(part), "captions": len(part.captions), "kinds": sorted(part.kinds)}
            for name, part in parts.items()
        },
        "near": 0 if train.near is None else train.near.shape[1],
        "labels": 0 if train.labels is None else int(train.labels.max()) + 1,
        "groups": 0 if train.groups is None else int(train.groups.max()) + 1,
        "truths": {name: of.shape[1] for name, (of, _) in train.truths.items()},
        "num_classes": 0 if classes is None else len(classes.names),
        "prompts": [] if classes is None else list(classes.prompts),
        "class_images": 0 if classes is None else len(classes.labels),
    }


def inputs(batch: PairBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (batch.images[:, 0],)


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> CaptionedSet:
    """Returns float64 images in 0..1 and captions of words drawn at random.

    Args:
        shape: What `shape_of` returned.
        rows: Images of a part at most; None: as many as the set has.
        seed: Decides every draw.
    """
    words = [f"word{place}" for place in range(max(shape["words"] - 3, TOPICS + 2))]
    parts = {
        name: _part(shape, own, words, rows, (seed, number))
        for number, (name, own) in enumerate(shape["parts"].items(), 1)
    }
    train = parts.pop("train")
    classes = _classes(shape, words, rows, seed) if shape["num_classes"] else None
    # The last two words may stand for each other.
    return CaptionedSet(train, parts, classes, words, [words[-2:]])


def _part(
    shape: dict[str, Any],
    own: dict[str, Any],
    words: list[str],
    rows: int | None,
    key: tuple[int, int],
) -> Captioned:
    generator, count = np.random.default_rng(key), fewer(own["images"], rows, 1)
    topics = cycled(count, TOPICS, generator)
    owner = np.repeat(np.arange(count), max(round(own["captions"] / own["images"]), 1))
    captions = [_text(words, topic, generator) for topic in topics[owner]]
    every = np.arange(len(captions))
    facts = {
        name: generator.integers(0, 2, (count, width)) for name, width in shape["truths"].items()
    }
    near = generator.integers(0, count, (count, shape["near"])) if shape["near"] else None
    return Captioned(
        _images(shape, topics, key[0], generator),
        captions,
        owner,
        {
            kind: Variants([_text(words, topic, generator) for topic in topics[owner]], every)
            for kind in own["kinds"]
        },
        near,
        cycled(count, shape["labels"], generator) if shape["labels"] else None,
        cycled(len(captions), shape["groups"], generator) if shape["groups"] else None,
        {name: (of, of[owner]) for name, of in facts.items()},
    )


def _classes(shape: dict[str, Any], words: list[str], rows: int | None, seed: int) -> Labelled:
    generator, num = np.random.default_rng((seed, 0)), shape["num_classes"]
    labels = cycled(fewer(shape["class_images"], rows, num), num, generator)
    names = [f"{words[place % len(words)]} {words[-1 - place // 2]}" for place in range(num)]
    return Labelled(_images(shape, labels, seed, generator), labels, names, shape["prompts"])


def _images(
    shape: dict[str, Any], topics: NDArray[np.int64], seed: int, generator: np.random.Generator
) -> Split:
    known = patterns(max(TOPICS, shape["num_classes"]), shape["channels"], seed)
    images = mix_images(topics, known, (shape["size"], shape["size"]), generator)
    return Split(torch.from_numpy(images), torch.zeros(len(topics), dtype=torch.int64))


def _text(words: list[str], topic: int, generator: np.random.Generator) -> str:
    """Returns the word of ``topic`` and others."""
    count = int(generator.integers(SHORTEST, LONGEST + 1))
    return " ".join([words[topic], *(words[p] for p in generator.integers(len(words), size=count))])
