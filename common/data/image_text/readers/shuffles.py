"""Captions of `relations` with their words in another order: ARO's tests of word order."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from common.data.image_text import grammar
from common.data.image_text.sets import Variants
from common.evaluation.word_shuffles import (
    ADJECTIVE,
    GROUP,
    NOUN,
    other_places,
    permuted,
    places_of,
    trigrams,
    within_trigrams,
)

# Draws of a shuffle until it differs from what is known of its scene.
ATTEMPTS = 10
NOUNS = {*grammar.SHAPES, *grammar.GROUNDS, *grammar.FRAMES, "frame", "picture"}
ADJECTIVES = {*grammar.COLOURS, *grammar.SIZES}

# Returns a random permutation of so many elements.
Draw = Callable[[int], list[int]]


def tags_of(words: Sequence[str]) -> list[str]:
    """Returns the Penn tag of each word, as far as shuffles ask for it."""
    named = {True: ADJECTIVE, False: "OTHER"}
    return [NOUN if word in NOUNS else named[word in ADJECTIVES] for word in words]


def _nouns_and_adjectives(words: Sequence[str], draw: Draw) -> list[str]:
    tags, found = tags_of(words), [*words]
    for kind in (NOUN, ADJECTIVE):
        places = places_of(tags, kind)
        found = permuted(found, places, draw(len(places)))
    return found


def _all_but_these(words: Sequence[str], draw: Draw) -> list[str]:
    places = other_places(tags_of(words))
    return permuted(words, places, draw(len(places)))


def _within_trigrams(words: Sequence[str], draw: Draw) -> list[str]:
    lengths = [len(words[start : start + GROUP]) for start in range(0, len(words), GROUP)]
    return within_trigrams(words, [place for length in lengths for place in draw(length)])


SHUFFLES: dict[str, Callable[[Sequence[str], Draw], list[str]]] = {
    "shuffle_nouns_and_adj": _nouns_and_adjectives,
    "shuffle_allbut_nouns_and_adj": _all_but_these,
    "shuffle_within_trigrams": _within_trigrams,
    "shuffle_trigrams": lambda words, draw: trigrams(words, draw(-(-len(words) // GROUP))),
    "shuffle_words": lambda words, draw: permuted(words, range(len(words)), draw(len(words))),
}


def shuffled(
    captions: Sequence[str], known: Sequence[set[str]], key: tuple[int, int]
) -> dict[str, Variants]:
    """Returns shuffles of ``captions`` by kind; where none differs from ``known``, none is there.

    Args:
        captions: Captions of one part.
        known: For each, the captions that are told apart from it already, or are true.
        key: With the kind and the caption's place, the seed of its draws.
    """
    found = {}
    for number, (kind, shuffle) in enumerate(SHUFFLES.items(), 1):
        texts, of = list[str](), list[int]()
        for row, (caption, others) in enumerate(zip(captions, known, strict=True), 1):
            text = _other_order(caption.split(), others, shuffle, (*key, number, row))
            if text is not None:
                texts.append(text)
                of.append(row - 1)
        found[kind] = Variants(texts, np.array(of, dtype=np.int64))
    return found


def _other_order(
    words: list[str],
    others: set[str],
    shuffle: Callable[[Sequence[str], Draw], list[str]],
    key: tuple[int, ...],
) -> str | None:
    source = np.random.PCG64(np.random.SeedSequence(key))

    def draw(count: int) -> list[int]:
        drawn: NDArray[np.uint64] = source.random_raw(count)
        order: list[int] = drawn.argsort(kind="stable").tolist()
        return order

    for _ in range(ATTEMPTS):
        text = " ".join(shuffle(words, draw))
        if text not in others:
            return text
    return None
