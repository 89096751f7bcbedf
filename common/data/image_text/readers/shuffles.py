"""Captions with their words in another order, as ARO sets them beside the true one.

Words have Penn tags. A permutation ``order`` puts element ``order[i]`` at place ``i``
(arXiv 2210.01936; code at commit 81fdd20).
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from common.data.image_text import grammar
from common.data.image_text.sets import Variants

NOUN, ADJECTIVE = "NN", "JJ"
GROUP = 3
_SIGNS = re.compile(r"[.!\"()*#:;~]")
_SPACES = re.compile(r"\s{2,}")


def places_of(tags: Sequence[str], kind: str) -> list[int]:
    """Returns where words of a kind stand: `NOUN` and `ADJECTIVE` with all their forms."""
    return [place for place, tag in enumerate(tags) if tag.startswith(kind)]


def other_places(tags: Sequence[str]) -> list[int]:
    """Returns where neither nouns nor adjectives stand."""
    return [place for place, tag in enumerate(tags) if not tag.startswith((NOUN, ADJECTIVE))]


def permuted(words: Sequence[str], places: Sequence[int], order: Sequence[int]) -> list[str]:
    """Returns words of which those at ``places`` change among each other."""
    found = [*words]
    for place, source in zip(places, order, strict=True):
        found[place] = words[places[source]]
    return found


def within_trigrams(words: Sequence[str], orders: Sequence[int]) -> list[str]:
    """Returns words that change places within each group of three; the last may be shorter.

    Args:
        words: Words of the caption.
        orders: The permutation of each group, one after the other.
    """
    return [words[place - place % GROUP + orders[place]] for place in range(len(words))]


def trigrams(words: Sequence[str], order: Sequence[int]) -> list[str]:
    """Returns words whose groups of three change places."""
    groups = [words[start : start + GROUP] for start in range(0, len(words), GROUP)]
    return [word for place in order for word in groups[place]]


def clean_caption(text: str, max_words: int = 30) -> str:
    """Returns a caption as ARO's code hands it to the models: in lower case, without most signs."""
    text = _SPACES.sub(" ", _SIGNS.sub(" ", text.lower()))
    return " ".join(text.rstrip("\n").strip(" ").split(" ")[:max_words])


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
