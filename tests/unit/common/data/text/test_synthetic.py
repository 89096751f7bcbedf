import json

import numpy as np
import pytest

from common.data.text.config import TextConfig
from common.data.text.module import TextData
from common.data.text.synthetic import make, shape_of

ENTRIES = {
    "train": 60, "texts": 1, "targets": "int64", "entries": 20, "held_out": {"val": 20, "test": 20},
    "graded": {"val": 30, "test": 30}, "subsets": 1, "scores": [0.0, 1.0], "words": 50,
    "special": [0, 3, 1, 2, 3],
}  # fmt: skip
PAIRS = {
    "train": 40, "texts": 2, "targets": "float64", "entries": 0, "held_out": {},
    "graded": {"test": 30}, "subsets": 3, "scores": [0.0, 5.0], "words": 300,
    "special": [0, 100, 101, 102, 103],
}  # fmt: skip


def loaded(shape, rows=None, seed=0, **options):
    config = TextConfig(batch_size=8, **options)
    data = TextData(config, seed=0, read=lambda config: make(shape, rows, seed))
    data.load()
    return data


@pytest.mark.parametrize("shape", [ENTRIES, PAIRS], ids=["entries", "pairs"])
def test_what_is_made_has_the_form_again(shape):
    assert json.loads(json.dumps(shape_of(loaded(shape)))) == shape


def test_a_generated_set_is_replaced_by_one_of_its_form():
    config = TextConfig(glossary_entries=20, definitions=3, num_pairs=30, batch_size=8)
    real = TextData(config, seed=0)
    made = loaded(shape_of(real))
    assert shape_of(made) == shape_of(real) and made.facts == real.facts


@pytest.mark.parametrize("shape", [ENTRIES, PAIRS], ids=["entries", "pairs"])
def test_content_is_a_function_of_the_seed(shape):
    first, again, other = (loaded(shape, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_few_rows_keep_the_entries_that_they_hold():
    found = shape_of(loaded(ENTRIES, rows=20))
    assert (found["train"], found["entries"], found["held_out"]["test"]) == (20, 10, 20)


def test_no_two_scores_are_equal_and_neither_tokeniser_nor_pairs_are_read():
    data = loaded(PAIRS, name="stsb-open", graded="nowhere.csv", tokenizer="nowhere")
    scores = data.graded["test"].scores
    assert len(np.unique(scores)) == len(scores) == 30
    assert data.facts.special.first == 101
