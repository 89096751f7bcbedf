"""Word lists and templates for association tests. Two sets of words against two of attributes.

The lists are our own. They show what a test does; whoever draws conclusions about people from an
encoder needs lists of their own, made for their question and language.
"""

from dataclasses import dataclass, replace
from typing import Any

from common.registry import READERS

FEWEST_WORDS = 2
TEMPLATES = (
    "We talked about {} today.",
    "This text mentions {} twice.",
    "The next word is {} again.",
    "They thought of {} first.",
)


@dataclass(frozen=True)
class WordTest:
    """Whether ``first`` is nearer to ``toward`` than to ``away``, compared with ``second``.

    ``first`` and ``second`` have as many words. Each of ``templates`` has ``{}`` where a word goes.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    toward: tuple[str, ...]
    away: tuple[str, ...]
    templates: tuple[str, ...] = TEMPLATES


PLEASANT = tuple("joy love peace friendship laughter gift holiday sunshine".split())
UNPLEASANT = tuple("pain war grief poison filth disease prison misery".split())
WOMEN = tuple("woman girl sister mother daughter aunt lady queen".split())
MEN = tuple("man boy brother father son uncle gentleman king".split())

TESTS = {
    "flowers_insects": WordTest(
        tuple("rose tulip daisy lily violet orchid poppy lilac".split()),
        tuple("ant wasp moth flea beetle mosquito cockroach louse".split()),
        PLEASANT,
        UNPLEASANT,
    ),
    "instruments_weapons": WordTest(
        tuple("piano violin flute guitar harp trumpet cello drum".split()),
        tuple("rifle sword bomb pistol spear cannon dagger grenade".split()),
        PLEASANT,
        UNPLEASANT,
    ),
    "men_career": WordTest(
        MEN,
        WOMEN,
        tuple("office salary manager business career company promotion profession".split()),
        tuple("home parents children wedding marriage kitchen cousins household".split()),
    ),
    "men_science": WordTest(
        MEN,
        WOMEN,
        tuple("physics chemistry laboratory experiment equation engineering science maths".split()),
        tuple("poetry dance painting theatre novel sculpture music drama".split()),
    ),
    "men_ability": WordTest(
        MEN,
        WOMEN,
        tuple("skilled able clever expert competent capable talented successful".split()),
        tuple("clumsy unable foolish ignorant incompetent weak careless confused".split()),
    ),
}


def known_tests(inputs: Any, own: str | None) -> tuple[dict[str, WordTest], list[str]]:
    """Returns the tests without words that the tokeniser does not know: to it they are all one.

    A word is known if each of its parts is. Both sets keep as many words as the smaller one. A test
    that keeps fewer than two of a list is left out. What was left out is told in the second part, a
    line each.

    Args:
        inputs: Has ``encode``, which cuts texts into tokens, and ``unknown``, the unknown's token.
        own: A file of tests in place of ours.

    Raises:
        DataError: A file of tests of another form.
    """
    tests: dict[str, WordTest] = READERS.get("association-tests")(own) if own else TESTS
    found, notes = {}, []
    for name, test in tests.items():
        first, second, toward, away = (
            tuple(word for word in words if inputs.unknown not in inputs.encode([word]).ids)
            for words in (test.first, test.second, test.toward, test.away)
        )
        count = min(len(first), len(second))
        if min(count, len(toward), len(away)) < FEWEST_WORDS:
            notes.append(f"association: {name} is left out, since most of its words are unknown")
            continue
        if count < len(test.first):
            whole = len(test.first)
            notes.append(f"association: {name} has {count} of {whole} words; others are unknown")
        found[name] = replace(
            test, first=first[:count], second=second[:count], toward=toward, away=away
        )
    return found, notes
