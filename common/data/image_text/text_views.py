"""Views of texts, made on tokens: paraphrase apart, what `TextViewConfig` says of a text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.data.image_text.config import TextViewConfig
from common.data.image_text.tokenizers import PairTokenizer
from common.errors import ConfigError

# Words that tell little by themselves. Those of place are left out: they tell relations.
STOP_WORDS = (
    "a an the this that these those it its he she they them his her their we you i our your my is "
    "are was were be been being am has have had do does did of at by for with from in on to into "
    "as and or but if then than so there here some any each such very also just while"
).split()
# What of `DRAWS` numbers in [0, 1) a text has decides what.
STOPS, OPERATION, FIRST, SECOND = range(4)
DRAWS = 4


@dataclass(frozen=True)
class WordTables:
    """What views must know of tokens: stop words, and what each token may be replaced by.

    ``opening`` counts the tokens before a text.
    """

    stop: frozenset[int] = frozenset()
    synonyms: dict[int, list[int]] = field(default_factory=dict)
    opening: int = 0


def make_tables(
    tokenizer: PairTokenizer, groups: Sequence[Sequence[str]], used: Sequence[TextViewConfig]
) -> WordTables:
    """Returns the tables of ``tokenizer``; words that take several tokens are not in them.

    Args:
        tokenizer: Tokenizer of the run.
        groups: Words that mean the same.
        used: The views that need the tables.

    Raises:
        ConfigError: A view that needs words where no word is a token, or synonyms without any.
    """
    stop = frozenset(n for word in STOP_WORDS if (n := tokenizer.single(word)) is not None)
    synonyms: dict[int, list[int]] = {}
    for group in groups:
        ids = [place for word in group if (place := tokenizer.single(word)) is not None]
        for place in ids:
            synonyms[place] = [other for other in ids if other != place]
    synonyms = {place: others for place, others in synonyms.items() if others}
    if any(view.synonym for view in used) and not synonyms:
        raise ConfigError(
            "data.synonyms: no two of its words are tokens here; name a file, or use synonym=0"
        )
    if any(view.stop_words for view in used) and not stop:
        raise ConfigError("data.tokenizer: no stop word is a token of it; use stop_words=0")
    return WordTables(stop, synonyms, len(tokenizer.opening))


def change_text(
    ids: NDArray[np.int32], view: TextViewConfig, drawn: NDArray[np.float64], tables: WordTables
) -> list[int]:
    """Returns the tokens of a changed text.

    Args:
        ids: ``(tokens,)``, with what opens the text and ends it.
        view: Which changes, and how often.
        drawn: ``(DRAWS,)`` numbers in [0, 1).
        tables: Tables of the tokenizer.
    """
    opening, end = ids[: tables.opening].tolist(), ids[-1:].tolist()
    words = ids[tables.opening : -1].tolist()
    if drawn[STOPS] < view.stop_words:
        words = [word for word in words if word not in tables.stop] or words
    share = drawn[OPERATION]
    if share < view.synonym:
        words = _with_synonym(words, drawn, tables)
    elif share < view.synonym + view.swap:
        words = _swapped(words, drawn)
    elif share < view.synonym + view.swap + view.deletion and len(words) > 1:
        del words[_choose(drawn[FIRST], len(words))]
    return [*opening, *words, *end]


def _with_synonym(words: list[int], drawn: NDArray[np.float64], tables: WordTables) -> list[int]:
    places = [place for place, word in enumerate(words) if word in tables.synonyms]
    if not places:
        return words
    place = places[_choose(drawn[FIRST], len(places))]
    others = tables.synonyms[words[place]]
    return [*words[:place], others[_choose(drawn[SECOND], len(others))], *words[place + 1 :]]


def _swapped(words: list[int], drawn: NDArray[np.float64]) -> list[int]:
    """Returns ``words`` with two of them in each other's place."""
    if len(words) < 2:
        return words
    first = _choose(drawn[FIRST], len(words))
    second = (first + 1 + _choose(drawn[SECOND], len(words) - 1)) % len(words)
    words[first], words[second] = words[second], words[first]
    return words


def _choose(drawn: np.float64, count: int) -> int:
    """Returns one of ``count`` places."""
    return min(int(drawn * count), count - 1)
