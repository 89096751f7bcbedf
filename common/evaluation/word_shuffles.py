"""Captions with their words in another order, as ARO sets them beside the true one.

Words have Penn tags. A permutation ``order`` puts element ``order[i]`` at place ``i``
(arXiv 2210.01936; code at commit 81fdd20).
"""

import re
from collections.abc import Sequence

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
