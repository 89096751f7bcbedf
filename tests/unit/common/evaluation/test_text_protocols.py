"""Protocols on texts, on an encoder whose states are known."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from common.data.text.tokenizer import WholeWords
from common.errors import ConfigError, DataError
from common.evaluation.alignment_uniformity import evaluate_alignment_uniformity
from common.evaluation.association import (
    all_halves,
    draw_halves,
    evaluate_association,
    holm,
    p_value,
    word_vectors,
)
from common.evaluation.association_words import TESTS
from common.evaluation.config import check_asked, evaluation_schema
from common.evaluation.isotropy import evaluate_isotropy, without_ends
from common.evaluation.retrieval import evaluate_retrieval
from common.evaluation.sts import evaluate_sts
from common.evaluation.text_config import (
    AlignmentUniformityConfig,
    AssociationConfig,
    IsotropyConfig,
    RetrievalConfig,
    StsConfig,
)
from common.evaluation.text_inputs import Graded, LabelledTexts, TextInputs
from common.evaluation.tokens import pack_tokens
from common.registry import PROTOCOLS, READERS

TOKENIZER = WholeWords(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])
STATES = torch.randn(13, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Lookup(nn.Module):
    """Gives each token the state of its id; a text is the sum of its words' states."""

    device = torch.device("cpu")

    def __init__(self, states=STATES):
        super().__init__()
        self.states = states
        self.backbone = Rows(states)

    def embed(self, ids, mask):
        return (self.states[ids] * (ids > 4)[..., None]).sum(1)


class Rows(nn.Module):
    num_positions = 16

    def __init__(self, states):
        super().__init__()
        self.states = states

    def forward(self, ids, mask):
        return [self.states[ids]]


def graded(first, second, scores, subsets=None):
    subsets = np.zeros(len(scores)) if subsets is None else np.array(subsets)
    stores = TOKENIZER.encode(first), TOKENIZER.encode(second)
    return Graded(*stores, np.array(scores, dtype=np.float64), subsets)


def inputs(module=None, **parts):
    return TextInputs(module or Lookup(), TOKENIZER.encode, 1, **parts)


def test_scores_in_the_order_of_cosines_correlate_fully():
    texts = ["a", "a b", "a c d", "d e f"]
    v = Lookup().embed(*TOKENIZER.encode(texts).gather(np.arange(4), 9))
    v = v / v.norm(dim=1, keepdim=True)
    order = (v[:3] * v[1:]).sum(1).argsort().argsort()
    pairs = graded(texts[:3], texts[1:], order.double().numpy())
    found = evaluate_sts(inputs(graded=pairs).vectors, StsConfig(), 0)
    assert found["spearman"] == pytest.approx(100) and set(found) == {"spearman", "pearson"}


def test_means_over_parts_are_told_where_there_are_parts():
    pairs = graded(list("abcdef"), list("bcdefa"), [0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1])
    found = evaluate_sts(inputs(graded=pairs).vectors, StsConfig(), 0)
    assert {"spearman_mean", "spearman_wmean"} < set(found)


def test_a_constant_output_scores_nothing():
    pairs = graded(list("abc"), list("bcd"), [1, 2, 3])
    constant = Lookup(torch.ones(13, 6, dtype=torch.float64))
    with pytest.warns(UserWarning, match="equal"):
        assert evaluate_sts(inputs(constant, graded=pairs).vectors, StsConfig(), 0)["spearman"] == 0
    targets = np.arange(3)
    texts = LabelledTexts(TOKENIZER.encode(list("abc")), targets)
    parts = {"train": texts, "held_out": texts}
    found = evaluate_retrieval(inputs(constant, **parts).vectors, RetrievalConfig(), 0)
    assert found["recall@1"] == 0 and found["mrr"] == pytest.approx(100 / 3)


def test_a_definition_finds_the_entry_of_its_words():
    train = LabelledTexts(
        TOKENIZER.encode(["a", "b", "c d", "d c", "e"]), np.array([0, 0, 1, 1, 2])
    )
    held_out = LabelledTexts(TOKENIZER.encode(["a b", "c d"]), np.array([0, 1]))
    found = evaluate_retrieval(inputs(train=train, held_out=held_out).vectors, RetrievalConfig(), 0)
    assert found["mrr"] == 100 and found["recall@1"] == 100
    wrong = held_out._replace(targets=np.array([1, 0]))
    found = evaluate_retrieval(inputs(train=train, held_out=wrong).vectors, RetrievalConfig(), 0)
    assert found["recall@1"] == 0 and found["recall@3"] == 100


@pytest.mark.parametrize("absent", [1, 3], ids=["between", "beyond"])
def test_a_class_without_training_texts_is_never_found_and_no_entry(absent):
    train = LabelledTexts(TOKENIZER.encode(["a", "b", "c d", "d c"]), np.array([0, 0, 2, 2]))
    held_out = LabelledTexts(TOKENIZER.encode(["a b", "c d", "e"]), np.array([0, 2, absent]))
    found = evaluate_retrieval(inputs(train=train, held_out=held_out).vectors, RetrievalConfig(), 0)
    assert found["mrr"] == found["recall@1"] == pytest.approx(200 / 3)
    wrong = held_out._replace(targets=np.array([2, 0, absent]))
    found = evaluate_retrieval(inputs(train=train, held_out=wrong).vectors, RetrievalConfig(), 0)
    assert found["mrr"] == pytest.approx(100 / 3)


def test_isotropy_counts_pairs_of_words_and_weighs_long_texts_more():
    store = TOKENIZER.encode(["a b", "c d e"])
    unit = STATES / STATES.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    a, b, c, d, e = range(5, 10)
    mean = (cosines[a, b] + cosines[c, d] + cosines[c, e] + cosines[d, e]) / 4
    parts = LabelledTexts(store, np.array([-1, -1]))
    found = evaluate_isotropy(inputs(held_out=parts).vectors, IsotropyConfig(), 0)
    assert found["isotropy"] == pytest.approx(1 - mean.item())
    with_ends = evaluate_isotropy(
        inputs(held_out=parts).vectors, IsotropyConfig(special_tokens=True), 0
    )
    assert with_ends["isotropy"] != pytest.approx(found["isotropy"])
    one = evaluate_isotropy(inputs(held_out=parts).vectors, IsotropyConfig(max_texts=1), 0)
    assert one["isotropy"] == pytest.approx(1 - cosines[a, b].item())


def test_the_ends_of_a_text_are_its_first_and_its_last_token():
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]).bool()
    assert without_ends(mask).tolist() == [[False, True, False, False], [False, True, True, False]]


def test_alignment_is_of_close_pairs_and_needs_scores():
    pairs = graded(["a", "b"], ["a", "c"], [5.0, 3.9])
    settings = AlignmentUniformityConfig()
    found = evaluate_alignment_uniformity(inputs(graded=pairs).vectors, settings, 0)
    assert found["alignment"] == pytest.approx(0, abs=1e-12)
    plain = inputs(held_out=LabelledTexts(TOKENIZER.encode(["a", "b"]), np.array([-1, -1])))
    assert set(evaluate_alignment_uniformity(plain.vectors, settings, 0)) == {"uniformity"}


@pytest.mark.parametrize("name", ["sts", "retrieval", "knn"])
def test_data_that_lack_what_a_protocol_needs_are_refused_with_those_that_fit(name):
    plain = inputs(held_out=LabelledTexts(TOKENIZER.encode(["a", "b"]), np.array([-1, -1])))
    asked = evaluation_schema((name, PROTOCOLS[name]))(protocols=[name])
    with pytest.raises(ConfigError, match=rf"{name} needs .*: alignment-uniformity, .*isotropy"):
        check_asked(asked, "text", lambda split: plain)


def test_a_set_that_is_nearer_to_its_attributes_is_found(tmp_path):
    tests = tmp_path / "tests.yaml"
    tests.write_text(
        "near: {first: [a, a c, unknown], second: [b, b c, d], toward: [a, a g], away: [b, b g],\n"
        "  templates: ['e {} f']}\n"
    )
    settings = AssociationConfig(tests=str(tests))
    for level in ("word", "sentence", "word-in-sentence"):
        settings.level = level
        found = evaluate_association(inputs(), settings, 0)
        assert found["association_near_effect"] > 1 and found[
            "association_near_p"
        ] == pytest.approx(1 / 6)


def test_a_test_of_unknown_words_is_left_out(tmp_path):
    tests = tmp_path / "tests.yaml"
    tests.write_text("far: {first: [a, x], second: [b, y], toward: [a], away: [b]}\n")
    settings = AssociationConfig(tests=str(tests))
    assert evaluate_association(inputs(), settings, 0) == {}
    with pytest.raises(ConfigError, match=r"association\.tests=FILE\.yaml"):
        settings.check_inputs(inputs())


def test_a_word_is_read_at_its_place_in_the_sentence():
    settings = AssociationConfig(level="word-in-sentence")
    for drop in (False, True):
        settings.drop_last_token = drop
        found = word_vectors(inputs(), ["c", "d"], ["e f {} a", "{}"], settings)
        assert torch.equal(found, STATES[[7, 7, 8, 8]])


def test_a_word_is_read_at_its_place_where_a_blank_belongs_to_the_word_after_it():
    def encode(texts):
        pieces = [re.findall(r" ?\S+| +$", text) for text in texts]
        ids = [[5 + "abcdefgh".find(piece.strip() or "h") for piece in own] for own in pieces]
        return pack_tokens([[2, *own, 3] for own in ids], 0)

    found = word_vectors(
        TextInputs(Lookup(), encode, 1),
        ["c", "d"],
        ["e f {} a", "{}"],
        AssociationConfig(level="word-in-sentence"),
    )
    assert torch.equal(found, STATES[[7, 7, 8, 8]])


@pytest.mark.parametrize("name", ["first", "away"])
def test_a_word_that_a_test_names_twice_is_refused(tmp_path, name):
    lists = {"first": "[a, c]", "second": "[b, d]", "toward": "[e, f]", "away": "[g, h]"}
    lists[name] = "[a, a]"
    own = ", ".join(f"{key}: {words}" for key, words in lists.items())
    (tmp_path / "tests.yaml").write_text(f"near: {{{own}}}\n")
    with pytest.raises(DataError, match=f"tests.yaml: near: {name} has a word twice"):
        READERS.get("association-tests")(str(tmp_path / "tests.yaml"))


def test_a_sentence_that_is_repeated_counts_once():
    settings = AssociationConfig(level="sentence")
    assert len(word_vectors(inputs(), ["a", "a", "b"], ["{} c"], settings)) == 2


def test_few_splits_are_all_counted_and_of_many_some_are_drawn():
    s = torch.tensor([3.0, 2.0, 1.0, 0.0])
    every = all_halves(4, 6)
    assert len(every) == 6 and all_halves(4, 5) is None
    assert p_value(s, every) == pytest.approx(1 / 6)
    drawn = draw_halves(4, 50, seed=0)
    assert {tuple(sorted(row)) for row in drawn.tolist()} == {tuple(row) for row in every.tolist()}
    assert np.array_equal(drawn, draw_halves(4, 50, seed=0))
    assert p_value(torch.ones(4), drawn) == 1


def test_holm_corrects_for_the_number_of_tests_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1, 1]


def test_our_tests_have_sets_of_one_size():
    for test in TESTS.values():
        assert len(set(test.first)) == len(set(test.second)) == len(test.first)
        assert not {*test.first} & {*test.second} and not {*test.toward} & {*test.away}


@pytest.mark.parametrize(
    "content",
    [
        "t: {first: [a], second: [b, c], toward: [d], away: [e]}",
        "t: {first: [a], second: [b], toward: [d]}",
        "t: {first: [], second: [], toward: [d], away: [e]}",
        "t: {first: [a], second: [b], toward: [d], away: [e], templates: [no place]}",
        "t: 1",
    ],
)
def test_a_test_of_another_form_is_refused(tmp_path, content):
    path = tmp_path / "tests.yaml"
    path.write_text(content)
    with pytest.raises(DataError, match=r"tests\.yaml: t"):
        READERS.get("association-tests")(str(path))


def test_what_learns_nothing_is_measured_by_its_words():
    reference = TextInputs(
        None, TOKENIZER.encode, 1, graded=graded(["a b"] * 3, ["a b", "a c", "d"], [2, 1, 0])
    )
    assert evaluate_sts(reference.vectors, StsConfig(), 0)["spearman"] == pytest.approx(100)
    assert set(evaluate_isotropy(reference.vectors, IsotropyConfig(), 0)) == {"sentence_isotropy"}
    assert evaluate_association(reference, AssociationConfig(), 0) == {}
