"""Word shuffles of generated captions are other captions of the same words."""

import numpy as np

from common.data.image_text.config import ImageTextConfig
from common.data.image_text.readers.relations import relations
from common.data.image_text.readers.shuffles import NOUNS, SHUFFLES, shuffled, tags_of


def test_tested_captions_have_shuffles_that_are_none_of_the_known_captions():
    found = relations(ImageTextConfig(train_rows=10, captions="rich"))
    assert not set(SHUFFLES) & set(found.train.kinds)
    part = found.held_out["test"]
    for kind in SHUFFLES:
        variants = part.kinds[kind]
        assert len(variants.texts) > 0.9 * len(part)
        for text, of in zip(variants.texts, variants.of, strict=True):
            known = {part.captions[of], *(part.kinds[k].texts[of] for k in ("para", "invert"))}
            assert text not in known and sorted(text.split()) == sorted(part.captions[of].split())


def test_a_kind_moves_the_words_that_it_names():
    caption = "a red ring left of a blue bar on night in a coal frame"
    words = caption.split()
    found = shuffled([caption] * 50, [{caption}] * 50, (0, 0))
    still = [place for place, tag in enumerate(tags_of(words)) if tag == "OTHER"]
    for text in found["shuffle_nouns_and_adj"].texts:
        moved = text.split()
        assert [moved[place] for place in still] == [words[place] for place in still]
        assert {w for w, tag in zip(moved, tags_of(words), strict=True) if tag == "NN"} <= NOUNS
    for text in found["shuffle_within_trigrams"].texts:
        groups = zip(*[iter(text.split())] * 3, strict=False)
        assert [sorted(group) for group in groups] == [
            sorted(words[start : start + 3]) for start in range(0, 12, 3)
        ]
    assert len(set(found["shuffle_words"].texts)) > 40


def test_where_no_other_order_is_there_none_is_given_and_the_rest_stays():
    found = shuffled(["a a", "a red ring"], [{"a a"}, {"a red ring"}], (0, 1))
    assert found["shuffle_words"].of.tolist() == [1]
    alone = shuffled(["b b", "a red ring"], [{"b b"}, {"a red ring"}], (0, 1))
    assert np.array_equal(alone["shuffle_words"].texts, found["shuffle_words"].texts)
