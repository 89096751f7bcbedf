"""Protocols on images with texts, on encoders whose vectors are given."""

import numpy as np
import pytest
import torch
from torch import nn

from common.errors import ConfigError, LikewiseError
from common.evaluation.caption_choice import evaluate_caption_choice
from common.evaluation.config import handed
from common.evaluation.gap import evaluate_gap, separability
from common.evaluation.image_text_retrieval import evaluate_image_text_retrieval
from common.evaluation.pair_config import (
    CaptionChoiceConfig,
    GapConfig,
    ImageTextRetrievalConfig,
    TextTransferConfig,
    ZeroShotConfig,
)
from common.evaluation.pair_inputs import CaptionedImages, FalseCaptions
from tests.pair_inputs import Given, make, random, texts


def test_vectors_are_unit_rows_and_embedded_once():
    inputs = make(5 * random(7), random(7))
    found = inputs.image_vectors()
    torch.testing.assert_close(found.norm(dim=1), torch.ones(7))
    assert inputs.image_vectors() is found and inputs.module.batches == 3
    torch.testing.assert_close(
        inputs.text_vectors(inputs.captions),
        nn.functional.normalize(inputs.module.table[:7].detach(), dim=1),
    )


def test_a_vector_that_is_not_finite_is_refused():
    broken = random(3)
    broken[1, 0] = torch.nan
    with pytest.raises(LikewiseError):
        make(broken, random(3)).image_vectors()


def test_a_reference_has_the_words_of_the_nearest_training_image():
    train = CaptionedImages(Given(torch.eye(3)), texts([5, 6, 7, 7]), np.array([0, 1, 2, 2]))
    inputs = make(torch.eye(3).flip(0), random(3), module=False, train=train)
    inputs.captions = texts([7, 6, 5])
    found = evaluate_image_text_retrieval(inputs.vectors, ImageTextRetrievalConfig(), 0)
    assert found["image_to_text_r1"] == found["text_to_image_r1"] == 100
    assert evaluate_gap(inputs.vectors, GapConfig(), 0) == {}


@pytest.mark.parametrize("chunk", [2, 256])
def test_captions_of_the_same_image_are_no_wrong_answers(chunk):
    images = torch.eye(4)
    # Image 0 has three captions, all nearer to it than the others are to anything.
    table = torch.stack([images[0], images[0], images[0], *images[1:]])
    inputs = make(images, table, owner=[0, 0, 0, 1, 2, 3])
    found = evaluate_image_text_retrieval(inputs.vectors, ImageTextRetrievalConfig(chunk=chunk), 0)
    assert found["image_to_text_r1"] == found["text_to_image_r1"] == found["mean_recall"] == 100


def test_a_collapsed_encoder_finds_nothing():
    inputs = make(torch.ones(12, 3), torch.ones(12, 3))
    found = evaluate_image_text_retrieval(inputs.vectors, ImageTextRetrievalConfig(), 0)
    assert found["mean_recall"] == 0


def test_a_caption_of_another_image_may_be_true_too():
    images = torch.eye(3)
    # The best caption of image 0 is that of image 1, which says nothing that is false of 0.
    inputs = make(
        images,
        images[[1, 0, 2]],
        truths={
            "true": (np.array([[1, 5], [1, 6], [2, 7]]), np.array([[1, 5], [1, -1], [2, 7]])),
        },
    )
    found = evaluate_image_text_retrieval(inputs.vectors, ImageTextRetrievalConfig(), 0)
    assert found["image_to_text_r1"] == pytest.approx(100 / 3)
    assert found["true_r1"] == pytest.approx(200 / 3)


def choices_of(**kinds):
    return {kind: FalseCaptions(texts(ids), np.array(of)) for kind, (ids, of) in kinds.items()}


def test_a_tie_earns_half_or_what_is_set():
    images = torch.eye(4)
    table = torch.cat([images, images.roll(1, 0), images])  # 0-3 true, 4-7 far, 8-11 ties
    inputs = make(images, table, choices=choices_of(a=([4, 5, 10, 11], [0, 1, 2, 3])))
    found = evaluate_caption_choice(inputs, CaptionChoiceConfig(), 0)
    assert found == {"choice_a": 75, "choice_a_ties": 2}
    strict = evaluate_caption_choice(inputs, CaptionChoiceConfig(tie=0), 0)
    assert strict["choice_a"] == 50


def test_macro_is_the_mean_over_groups_with_enough_cases():
    images = torch.eye(4)
    near = images + 0.1  # nearer to an image than its own caption
    inputs = make(near, torch.cat([images, images.roll(1, 0), near]))
    choice = FalseCaptions(texts([4, 5, 6, 11]), np.arange(4), np.array([1, 1, 1, 9]))
    inputs.choices = {"a": choice}
    found = evaluate_caption_choice(inputs, CaptionChoiceConfig(), 0)
    assert found["choice_a"] == 75 and found["choice_a_macro"] == 50
    kept = evaluate_caption_choice(inputs, CaptionChoiceConfig(min_cases=2), 0)
    assert kept["choice_a_macro"] == 100


def test_order_asks_for_more_than_each_shuffle_and_para_is_no_false_caption():
    images = torch.eye(2)
    table = torch.cat([images, images.flip(0), images, torch.full((2, 2), 0.5)])
    inputs = make(
        images,
        table,
        choices=choices_of(
            shuffle_trigrams=([2, 3], [0, 1]),
            shuffle_within_trigrams=([6, 7, 7], [0, 1, 1]),
            shuffle_nouns_and_adj=([4], [0]),
            para=([4, 5], [0, 1]),
            invert=([6, 7], [0, 1]),
        ),
    )
    found = evaluate_caption_choice(inputs, CaptionChoiceConfig(tie=0), 0)
    assert found["choice_order"] == 50 and found["para_over_invert"] == 100
    assert "choice_para" not in found and found["choice_invert"] == 100


def test_sides_that_lie_apart_are_told_apart_and_equal_ones_are_not():
    side = nn.functional.normalize(random(200), dim=1)
    apart = make(side + torch.tensor([4.0, 0, 0, 0, 0, 0]), side, owner=range(200))
    found = evaluate_gap(apart.vectors, GapConfig(), 0)
    assert found["gap_separability"] > 90 and found["gap_centroid_distance"] > 0.9
    same = evaluate_gap(make(side, side, owner=range(200)).vectors, GapConfig(), 0)
    assert same["gap_separability"] == 50 and same["gap_alignment"] == pytest.approx(0, abs=1e-6)


def test_both_rows_of_a_pair_are_on_one_side_of_the_split():
    # A text is told by its own image alone: what was fitted to the one would know the other.
    u = torch.eye(40)
    v = u.clone()
    v[:, 0] += 0.5
    fitted = torch.arange(20)
    moved = v.clone()
    moved[:20] = torch.flip(v[:20], [0])
    assert separability(u, v, fitted) == separability(u, moved, fitted)


def test_a_gap_is_measured_with_the_first_caption_of_each_image():
    images, table = random(20), random(40, seed=4)
    several = make(images, table, owner=np.repeat(np.arange(20), 2))
    once = make(images, table[::2], owner=range(20))
    found = evaluate_gap(several.vectors, GapConfig(), 4)
    assert found == evaluate_gap(once.vectors, GapConfig(), 4)
    few = evaluate_gap(several.vectors, GapConfig(most_pairs=12), 4)
    assert few == evaluate_gap(
        make(images[:12], table[::2][:12], owner=range(12)).vectors, GapConfig(), 4
    )


@pytest.mark.parametrize(
    "settings",
    [CaptionChoiceConfig(), ZeroShotConfig(), TextTransferConfig(), GapConfig(fitted=0.9)],
    ids=lambda each: type(each).__name__,
)
def test_what_the_data_do_not_have_is_refused_before_a_module_is_built(settings):
    with pytest.raises(ConfigError):
        settings.check_inputs(handed(settings, make(random(3), random(3), module=False)))


def test_an_adapter_that_is_not_known_is_refused():
    with pytest.raises(ConfigError):
        TextTransferConfig(adapters=["mean_shift"])
