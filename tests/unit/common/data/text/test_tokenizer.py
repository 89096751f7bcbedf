import json

import pytest

from common.data.text.tokenizer import (
    WholeWords,
    count_words,
    cut_pair,
    read_tokenizer,
    word_pieces,
)
from common.errors import ConfigError, DataError
from common.evaluation.tokens import pack_tokens

TEXTS = ["A dog runs.", "the dog, a DOG", "zebra"]
WORDS = count_words(TEXTS, min_count=2)
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##able", "cafe", "!"]


def test_the_vocabulary_holds_frequent_words_the_most_frequent_first():
    assert WORDS == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "a"]


def test_a_text_stands_between_the_first_and_the_last_token():
    store = WholeWords(WORDS).encode(["A dog zebra", ""])
    assert store.ids.tolist() == [2, 6, 5, 1, 3, 2, 3]
    assert store.lengths.tolist() == [5, 2] and store.pad == 0


def test_without_a_token_for_it_an_unknown_word_is_read_as_the_mask():
    tokenizer = WholeWords(["[PAD]", "[CLS]", "[SEP]", "[MASK]", "dog"])
    assert tokenizer.pieces(["a dog"]) == [[3, 4]]


def test_a_pair_tells_its_second_text_by_the_token_types():
    ((ids, types),) = WholeWords(WORDS).encode_pairs(["dog"], ["a dog"], 12)
    assert ids == [2, 5, 3, 6, 5, 3] and types == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("lengths", "places", "kept"),
    [((3, 3), 9, (3, 3)), ((8, 8), 9, (4, 5)), ((8, 2), 9, (7, 2)), ((2, 9), 9, (2, 7))],
)
def test_a_pair_is_cut_as_the_library_cuts_it(lengths, places, kept):
    first, second = cut_pair([0] * lengths[0], [1] * lengths[1], places)
    assert (len(first), len(second)) == kept


def test_a_checkpoint_without_tokeniser_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        read_tokenizer(tmp_path)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES))
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ConfigError, match=r"\[text\]: pip install tokenizers"):
        read_tokenizer(tmp_path)


def test_words_are_cut_into_pieces_without_case_and_accents():
    pytest.importorskip("tokenizers")
    tokenizer = word_pieces(PIECES)
    assert tokenizer.pieces(["UNable Café!", "uncafe"]) == [[5, 6, 7, 8], [1]]
    assert tokenizer.special == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("told", "pieces"),
    [
        ({}, [5, 7, 8]),
        ({"do_lower_case": False}, [1, 1, 8]),
        ({"strip_accents": False}, [5, 1, 8]),
        ({"do_lower_case": False, "strip_accents": True}, [1, 7, 8]),
    ],
)
def test_a_vocabulary_is_read_with_the_case_that_its_folder_tells(tmp_path, told, pieces):
    pytest.importorskip("tokenizers")
    (tmp_path / "vocab.txt").write_text("\n".join([*PIECES, "Cafe"]))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(told))
    assert read_tokenizer(tmp_path).pieces(["Un café!"]) == [pieces]


def test_a_folder_tells_the_names_of_its_special_tokens(tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer = word_pieces(PIECES)
    names = ["<pad>", "[UNK]", "[CLS]", "[SEP]", "<mask>"]
    content = word_pieces([*names, *PIECES[5:]], names).to_json()
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"\[PAD\]"):
        read_tokenizer(tmp_path)
    told = {"pad_token": "<pad>", "mask_token": {"content": "<mask>"}}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(told))
    found = read_tokenizer(tmp_path)
    assert found.special == tokenizer.special and found.num_words == len(PIECES)


def test_whole_words_are_cut_alike_by_the_library(tmp_path):
    library = pytest.importorskip("tokenizers")
    own = WholeWords(WORDS)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(own.to_json()))
    theirs = library.Tokenizer.from_file(str(path))
    texts = [*TEXTS, "dog's  a_dog -- naïve 12,5"]
    encoded = pack_tokens([each.ids for each in theirs.encode_batch(texts)], 0)
    assert encoded.ids.tolist() == own.encode(texts).ids.tolist()
