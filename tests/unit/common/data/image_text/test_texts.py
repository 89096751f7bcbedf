"""Texts as tokens, and their views."""

import sys

import numpy as np
import pytest

from common.data.image_text.config import TextViewConfig
from common.data.image_text.text_views import DRAWS, WordTables, change_text, make_tables
from common.data.image_text.tokenizers import Bytes, ClipPairs, Words, make_tokenizer
from common.errors import ConfigError, MissingLibrary

DRAWN = np.random.default_rng(0).random((400, DRAWS))


def test_words_are_numbered_by_the_alphabet_behind_the_special_tokens():
    tokenizer = make_tokenizer("words", ["The Dog runs", "a dog"], ())
    assert tokenizer.places == {
        "<pad>": 0, "<eot>": 1, "<unk>": 2, "a": 3, "dog": 4, "runs": 5, "the": 6,
    }  # fmt: skip
    assert tokenizer.encode(["a DOG sleeps"]).ids.tolist() == [3, 4, 2, 1]


def test_a_long_text_is_cut_and_keeps_its_end():
    ids, mask = Bytes().encode(["abcdef", "ü"]).gather(np.arange(2), 5)
    assert ids.tolist() == [[100, 101, 102, 103, 1], [198, 191, 1, 0, 0]]
    assert mask.sum(1).tolist() == [5, 3]


def test_clip_byte_pairs_are_those_of_the_library():
    pytest.importorskip("open_clip")
    tokenizer = ClipPairs()
    assert tokenizer.encode(["a photo of a cat"]).ids.tolist() == [
        49406, 320, 1125, 539, 320, 2368, 49407,
    ]  # fmt: skip
    assert tokenizer.single("cat") == 2368


def test_without_the_library_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingLibrary, match=r"\[image-text\]: pip install open_clip_torch"):
        make_tokenizer("clip_bpe", [], ())


def changed(view: TextViewConfig, text: list[int], tables: WordTables | None = None):
    ids = np.array(text, np.int32)
    return [change_text(ids, view, drawn, tables or WordTables()) for drawn in DRAWN]


def test_deletion_takes_one_word_as_often_as_asked_and_never_the_last():
    found = changed(TextViewConfig(deletion=0.4), [5, 6, 7, 1])
    shorter = [text for text in found if len(text) == 3]
    assert 0.3 < len(shorter) / len(found) < 0.5
    assert {tuple(text) for text in shorter} == {(6, 7, 1), (5, 7, 1), (5, 6, 1)}
    assert changed(TextViewConfig(deletion=1.0), [5, 1])[0] == [5, 1]


def test_a_swap_exchanges_two_words_and_keeps_what_opens_and_ends_the_text():
    found = changed(TextViewConfig(swap=1.0), [9, 5, 6, 7, 1], WordTables(opening=1))
    assert {tuple(text) for text in found} == {(9, 6, 5, 7, 1), (9, 7, 6, 5, 1), (9, 5, 7, 6, 1)}


def test_stop_words_go_unless_nothing_would_be_left():
    tables = WordTables(stop=frozenset([5]))
    assert changed(TextViewConfig(stop_words=1.0), [5, 6, 5, 1], tables)[0] == [6, 1]
    assert changed(TextViewConfig(stop_words=1.0), [5, 5, 1], tables)[0] == [5, 5, 1]


def test_a_synonym_replaces_one_word_that_has_any():
    tokenizer = Words(["above", "below", "cat", "dog", "hound", "over"])
    view = TextViewConfig(synonym=1.0)
    tables = make_tables(
        tokenizer, [["dog", "hound"], ["over", "above"], ["cat", "big cat"]], [view]
    )
    text = tokenizer.encode(["dog above cat"]).ids.tolist()
    wanted = {tuple(tokenizer.encode([t]).ids) for t in ("hound above cat", "dog over cat")}
    assert {tuple(each) for each in changed(view, text, tables)} == wanted


def test_views_that_the_tokens_rule_out_are_refused():
    with pytest.raises(ConfigError, match=r"data\.synonyms"):
        make_tables(Bytes(), [["dog", "hound"]], [TextViewConfig(synonym=0.1)])
    with pytest.raises(ConfigError, match=r"stop_words"):
        make_tables(Bytes(), [], [TextViewConfig(stop_words=0.1)])
    with pytest.raises(ConfigError, match=r"1\.1"):
        TextViewConfig(synonym=0.5, swap=0.6)
