"""A generated glossary: entries of five meanings each, and sentences that define them.

A meaning has three synonyms, and sentences hold words that mean nothing: similarity in meaning is
more than shared words. It needs no download.
"""

import numpy as np

from common.data.text.config import TextConfig
from common.data.text.sets import Texts, TextSet

MEANINGS, SYNONYMS, FILLERS = 60, 3, 12
PER_ENTRY = 5
FEWEST, MOST = 2, 7
# The rarer fillers are the later ones.
CHANCES = 1 / np.arange(1, FILLERS + 1) / (1 / np.arange(1, FILLERS + 1)).sum()
SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    *(f"filler{n}" for n in range(FILLERS)),
    *(f"meaning{n}{'abc'[synonym]}" for n in range(MEANINGS) for synonym in range(SYNONYMS)),
)


def glossary(config: TextConfig) -> TextSet:
    """Generates the set that a recipe's ``data:`` section asks for.

    Drawn in this order: entries, their training sentences, a test sentence of each, the tested
    pairs; then the sentences and pairs of ``val``. A pair's score is the share of meanings that its
    sentences have in common.
    """
    generator = np.random.default_rng(config.data_seed)
    entries = [_choice(generator, MEANINGS) for _ in range(config.glossary_entries)]
    repeated = [entry for entry in entries for _ in range(config.definitions)]
    train = [_sentence(generator, entry) for entry in repeated]
    held_out, graded = {}, {}
    numbers = np.arange(len(entries))
    for split in ("test", "val"):
        sentences = [_sentence(generator, entry) for entry in entries]
        held_out[split] = Texts((sentences,), numbers)
        graded[split] = _pairs(generator, config.num_pairs)
    names = [f"entry{number}" for number in numbers]
    own = Texts((train,), np.repeat(numbers, config.definitions))
    return TextSet(own, held_out, graded, names, (*SPECIAL, *WORDS))


def _choice(generator: np.random.Generator, among: int) -> np.ndarray:
    return generator.choice(among, PER_ENTRY, replace=False)


def _sentence(generator: np.random.Generator, meanings: np.ndarray) -> str:
    """Returns one synonym of each meaning among fillers, in random order."""
    places = [FILLERS + SYNONYMS * int(m) + int(generator.integers(SYNONYMS)) for m in meanings]
    count = int(generator.integers(FEWEST, MOST))
    fillers = generator.choice(FILLERS, count, p=CHANCES)
    shuffled = np.array([*places, *fillers])
    generator.shuffle(shuffled)
    return " ".join(WORDS[place] for place in shuffled)


def _pairs(generator: np.random.Generator, count: int) -> Texts:
    first, second, scores = [], [], []
    for _ in range(count):
        a, shared = _choice(generator, MEANINGS), int(generator.integers(PER_ENTRY + 1))
        kept = generator.choice(a, shared, replace=False)
        others = np.setdiff1d(np.arange(MEANINGS), a)
        added = generator.choice(others, PER_ENTRY - shared, replace=False)
        first.append(_sentence(generator, a))
        second.append(_sentence(generator, np.concatenate([kept, added])))
        scores.append(shared / PER_ENTRY)
    return Texts((first, second), np.array(scores))
