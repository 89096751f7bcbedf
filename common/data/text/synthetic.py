"""Texts that stand in for a real set: of its form, drawn from a seed."""

from typing import Any

import numpy as np

from common.data.synthetic import cycled, fewer
from common.data.text.batch import TextBatch
from common.data.text.module import SPLITS, TextData
from common.data.text.sets import Texts, TextSet
from common.data.text.tokenizer import NAMES

# Words of a text; pairs share some of them.
SHORTEST, LONGEST = 3, 12


def shape_of(data: TextData) -> dict[str, Any]:
    """Returns what `make` must know of a set; JSON can hold it."""
    samples, tokenizer = data.samples, data.tokenizer
    scores = [part.scores for part in data.graded.values()]
    ends = [float(f(np.concatenate(scores))) for f in (np.min, np.max)] if scores else []
    return {
        "train": len(samples),
        "texts": len(samples.stores),
        "targets": str(samples.targets.numpy().dtype),
        "entries": len(data.set.names),
        "held_out": {s: len(data.parts[s].texts) for s in SPLITS if s in data.parts},
        "graded": {s: len(data.graded[s].scores) for s in SPLITS if s in data.graded},
        "subsets": max((len(np.unique(part.subsets)) for part in data.graded.values()), default=1),
        "scores": ends,
        "words": tokenizer.num_words,
        "special": list(tokenizer.special),
    }


def inputs(batch: TextBatch) -> tuple[Any, ...]:
    """Returns what ``embed`` is given of a training batch, to see what it makes of it."""
    return (
        batch.ids[:, 0],
        batch.mask[:, 0],
    )


def make(shape: dict[str, Any], rows: int | None = None, seed: int = 0) -> TextSet:
    """Returns texts of words drawn at random; texts of an entry have words in common.

    Args:
        shape: What `shape_of` returned.
        rows: Training samples at most, and of each other part; None: as many as the set has.
        seed: Decides every draw.
    """
    generator = np.random.default_rng(seed)
    vocabulary = _vocabulary(shape)
    words = [word for word in vocabulary if word not in NAMES]
    count = fewer(shape["train"], rows, 1)
    entries = min(shape["entries"], max(count // 2, 1))
    train = _samples(count, shape, entries, words, generator)
    held_out = {
        split: _samples(fewer(own, rows, 1), {**shape, "texts": 1}, entries, words, generator)
        for split, own in shape["held_out"].items()
    }
    graded = {
        split: _pairs(fewer(own, rows, 1), shape, words, generator)
        for split, own in shape["graded"].items()
    }
    return TextSet(train, held_out, graded, [f"entry{n}" for n in range(entries)], vocabulary)


def _vocabulary(shape: dict[str, Any]) -> list[str]:
    """Returns as many words as the set has, special tokens in their places."""
    found = [f"word{place}" for place in range(shape["words"])]
    for name, place in zip(NAMES, shape["special"], strict=True):
        found[place] = name
    return found


def _samples(
    count: int,
    shape: dict[str, Any],
    entries: int,
    words: list[str],
    generator: np.random.Generator,
) -> Texts:
    targets = cycled(count, entries, generator)
    columns = tuple(
        [
            " ".join([words[target % len(words)]] * bool(entries) + _draw(words, generator))
            for target in targets
        ]
        for _ in range(shape["texts"])
    )
    if entries:
        return Texts(columns, targets)
    return Texts(columns, generator.random(count) if shape["targets"] == "float64" else None)


def _pairs(
    count: int, shape: dict[str, Any], words: list[str], generator: np.random.Generator
) -> Texts:
    """Returns pairs; the higher the score, the more words the second text has of the first."""
    low, high = shape["scores"]
    share = generator.permutation(np.arange(count)) / max(count - 1, 1)
    first = [_draw(words, generator) for _ in range(count)]
    second = [
        [*own[: round(part * len(own))], *_draw(words, generator)]
        for own, part in zip(first, share, strict=True)
    ]
    subsets = [str(number) for number in cycled(count, shape["subsets"], generator)]
    sides = tuple([" ".join(text) for text in side] for side in (first, second))
    return Texts(sides, low + (high - low) * share, subsets)


def _draw(words: list[str], generator: np.random.Generator) -> list[str]:
    count = int(generator.integers(SHORTEST, LONGEST + 1))
    return [words[place] for place in generator.integers(len(words), size=count)]
