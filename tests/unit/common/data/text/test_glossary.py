import numpy as np

from common.data.text.config import TextConfig
from common.data.text.readers.glossary import PER_ENTRY, glossary


def meanings(sentence: str) -> set[str]:
    return {word[:-1] for word in sentence.split() if word.startswith("meaning")}


def test_sentences_of_an_entry_mean_the_same_in_other_words():
    found = glossary(TextConfig(glossary_entries=12, definitions=3, num_pairs=20))
    (train,), targets = found.train.columns, found.train.targets
    assert len(train) == 36 and targets.tolist() == np.repeat(range(12), 3).tolist()
    for entry in range(12):
        own = [meanings(train[row]) for row in np.flatnonzero(targets == entry)]
        own += [meanings(found.held_out[split].columns[0][entry]) for split in ("val", "test")]
        assert len(set(map(frozenset, own))) == 1 and len(own[0]) == PER_ENTRY
    assert len({frozenset(train[row].split()) for row in range(3)}) == 3


def test_a_score_is_the_share_of_meanings_in_common():
    pairs = glossary(TextConfig(num_pairs=50)).graded["test"]
    for first, second, score in zip(*pairs.columns, pairs.targets, strict=True):
        assert len(meanings(first) & meanings(second)) / PER_ENTRY == score


def test_it_is_a_function_of_its_seed():
    first, again, other = (glossary(TextConfig(data_seed=seed)).train for seed in (0, 0, 1))
    assert first.columns == again.columns != other.columns


def test_what_is_drawn_for_val_leaves_the_test_as_it_is():
    few, many = (glossary(TextConfig(num_pairs=count)) for count in (10, 20))
    assert few.held_out["test"].columns == many.held_out["test"].columns
    assert few.graded["test"].columns[0] == many.graded["test"].columns[0][:10]
