"""Protocols on images with texts, on encoders whose vectors are given."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from common.data.text.store import pack
from common.errors import ConfigError, DataError, LikewiseError
from common.evaluation.caption_choice import evaluate_caption_choice
from common.evaluation.caption_choice_config import CaptionChoiceConfig
from common.evaluation.gap import evaluate_gap, separability
from common.evaluation.gap_config import GapConfig
from common.evaluation.image_text_retrieval import evaluate_image_text_retrieval
from common.evaluation.image_text_retrieval_config import ImageTextRetrievalConfig
from common.evaluation.pair_inputs import Choice, Classes, PairInputs, Pairs
from common.evaluation.text_transfer import evaluate_text_transfer
from common.evaluation.text_transfer_config import ADAPTERS, TextTransferConfig
from common.evaluation.zero_shot import describe, evaluate_zero_shot
from common.evaluation.zero_shot_config import ZeroShotConfig

GENERATOR = torch.Generator().manual_seed(3)
WORDS = [f"word{place}" for place in range(400)]


class Given:
    """Images that are their own vectors, in batches of three."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.labels = torch.zeros(len(vectors))

    def whole(self, device):
        yield from self.vectors.split(3)

    def pixels(self):
        return self.vectors


class Tables(nn.Module):
    """A text's vector is that of its first token."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(table)
        self.batches = 0

    def project_image(self, images):
        self.batches += 1
        return images

    def project_text(self, ids, mask):
        assert mask[:, 0].all()
        return self.table[ids[:, 0]]


def texts(ids):
    return pack([[each, 399] for each in ids], pad=0)


def encode(sentences):
    return texts([WORDS.index(sentence.split()[0].strip(",")) for sentence in sentences])


def make(images, table, owner=None, module=True, **more):
    """Returns inputs of ``images`` and captions 0, 1, ...; row i of ``table`` is text i."""
    table = torch.as_tensor(table, dtype=torch.float32)
    table = torch.cat([table, torch.ones(400 - len(table), table.shape[1])])
    owner = np.arange(len(images)) if owner is None else np.array(owner)
    return PairInputs(
        Tables(torch.cat([table, torch.ones(400 - len(table), table.shape[1])]))
        if module
        else None,
        Given(torch.as_tensor(images, dtype=torch.float32)),
        texts(range(len(owner))),
        owner,
        encode,
        context=8,
        num_words=400,
        **more,
    )


def random(count, dim=6):
    return torch.randn(count, dim, generator=GENERATOR)


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
    train = Pairs(Given(torch.eye(3)), texts([5, 6, 7, 7]), np.array([0, 1, 2, 2]))
    inputs = make(torch.eye(3).flip(0), random(3), module=False, train=train)
    inputs.captions = texts([7, 6, 5])
    found = evaluate_image_text_retrieval(inputs, ImageTextRetrievalConfig(), 0)
    assert found["image_to_text_r1"] == found["text_to_image_r1"] == 100
    assert evaluate_gap(inputs, GapConfig(), 0) == {}


@pytest.mark.parametrize("chunk", [2, 256])
def test_captions_of_the_same_image_are_no_wrong_answers(chunk):
    images = torch.eye(4)
    # Image 0 has three captions, all nearer to it than the others are to anything.
    table = torch.stack([images[0], images[0], images[0], *images[1:]])
    inputs = make(images, table, owner=[0, 0, 0, 1, 2, 3])
    found = evaluate_image_text_retrieval(inputs, ImageTextRetrievalConfig(chunk=chunk), 0)
    assert found["image_to_text_r1"] == found["text_to_image_r1"] == found["mean_recall"] == 100


def test_a_collapsed_encoder_finds_nothing():
    inputs = make(torch.ones(12, 3), torch.ones(12, 3))
    found = evaluate_image_text_retrieval(inputs, ImageTextRetrievalConfig(), 0)
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
    found = evaluate_image_text_retrieval(inputs, ImageTextRetrievalConfig(), 0)
    assert found["image_to_text_r1"] == pytest.approx(100 / 3)
    assert found["true_r1"] == pytest.approx(200 / 3)


def choices_of(**kinds):
    return {kind: Choice(texts(ids), np.array(of)) for kind, (ids, of) in kinds.items()}


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
    table = torch.cat([images, images.roll(1, 0), 3 * images - 1])
    choice = Choice(texts([4, 5, 6, 11]), np.arange(4), np.array([1, 1, 1, 9]))
    inputs = make(images + 0.1, table, choices={"a": choice})
    wrong_alone = images[3] + 0.1
    assert nn.functional.cosine_similarity(wrong_alone, table[3], 0) > 0.9
    each = evaluate_caption_choice(inputs, CaptionChoiceConfig(), 0)
    few_left_out = evaluate_caption_choice(inputs, CaptionChoiceConfig(min_cases=2), 0)
    assert each["choice_a"] == 100 and few_left_out["choice_a_macro"] == 100


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
    found = evaluate_gap(apart, GapConfig(), 0)
    assert found["gap_separability"] == 100 and found["gap_centroid_distance"] > 0.9
    same = evaluate_gap(make(side, side, owner=range(200)), GapConfig(), 0)
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
    images, table = random(20), random(40)
    several = make(images, table, owner=np.repeat(np.arange(20), 2))
    once = make(images, table[::2], owner=range(20))
    found = evaluate_gap(several, GapConfig(), 4)
    assert found == evaluate_gap(once, GapConfig(), 4)
    few = evaluate_gap(several, GapConfig(most_pairs=12), 4)
    assert few == evaluate_gap(make(images[:12], table[::2][:12], owner=range(12)), GapConfig(), 4)


def classes_of(images, labels, names, prompts=("{}",)):
    return Classes(Given(torch.as_tensor(images)), np.array(labels), names, prompts)


def test_a_class_is_that_of_the_nearest_mean_of_prompts():
    table = torch.eye(2)
    images = table[[1, 1, 0, 1]]
    classes = classes_of(images, [1, 0, 0, 1], WORDS[:2], ("{}", "{} again"))
    found = evaluate_zero_shot(make(table, table, classes=classes), ZeroShotConfig(), 0)
    assert found == {"zero_shot_top1": 75, "zero_shot_class_mean": 75}


def test_descriptions_of_a_table_decide(tmp_path):
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"word0": ["x"], "word1": ["y", "z"]}))
    table = torch.eye(2)
    inputs = make(table, table, classes=classes_of(table, [0, 1], WORDS[:2]))
    for how in ("mean", "max"):
        settings = ZeroShotConfig(head="descriptors", table=str(path), aggregate=how)
        assert evaluate_zero_shot(inputs, settings, 0)["zero_shot_top1"] == 100
    path.write_text(json.dumps({"word0": ["x"]}))
    with pytest.raises(DataError):
        evaluate_zero_shot(inputs, settings, 0)


def test_differences_put_the_best_classes_in_another_order(tmp_path):
    path = tmp_path / "differences.json"
    table = torch.zeros(6, 3)
    table[:3] = torch.tensor([[1.0, 0.1, 0], [1.0, 0, 0], [-1.0, 0, 0]])
    table[3], table[4] = torch.tensor([0.0, 1, 0]), torch.tensor([0.0, 0, 1])
    images = torch.tensor([[1.0, 0.1, 0.6]])
    inputs = make(images, table, classes=classes_of(images, [1], WORDS[:3]))
    assert evaluate_zero_shot(inputs, ZeroShotConfig(), 0)["zero_shot_top1"] == 0
    path.write_text(json.dumps({"1_0": [["word4", "word3"]]}))
    told = ZeroShotConfig(head="differential", table=str(path), k=2)
    assert evaluate_zero_shot(inputs, told, 0)["zero_shot_top1"] == 100
    path.write_text(json.dumps({"1_7": [["word4", "word3"]]}))
    with pytest.raises(DataError):
        evaluate_zero_shot(inputs, told, 0)


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("a long tail", "x, which is a long tail"),
        ("has a tail", "x, which has a tail"),
        ("may bark", "x, which may bark"),
        ("four legs", "x, which has four legs"),
    ],
)
def test_a_description_is_joined_as_a_sentence(text, joined):
    assert describe("x", text) == joined


def test_a_head_without_its_table_is_refused():
    inputs = make(random(2), random(2), classes=classes_of(random(2), [0, 1], WORDS[:2]))
    with pytest.raises(ConfigError):
        ZeroShotConfig(head="descriptors").check_inputs(inputs)
    with pytest.raises(ConfigError):
        ZeroShotConfig(table="x.json").check_inputs(inputs)


def moved_pairs(shift):
    """Returns inputs of two classes whose texts lie ``shift`` away from their images."""
    labels = np.arange(60) % 2
    centres = torch.tensor([[2.0, 0, 0, 0, 0, 0], [-2.0, 0, 0, 0, 0, 0]])
    images = centres[labels] + random(60) + torch.tensor([shift, 3.0, 0, 0, 0, 0])
    table = centres[labels] + random(60) - torch.tensor([shift, -3.0, 0, 0, 0, 0])
    train = Pairs(Given(images), texts(range(60)), np.arange(60), labels)
    return make(images, table, train=train, labels=labels)


def test_a_shift_of_the_mean_carries_a_classifier_over_the_gap():
    inputs = moved_pairs(3.0)
    found = evaluate_text_transfer(inputs, TextTransferConfig(adapters=ADAPTERS), 0)
    assert found["transfer_none_image_top1"] < 80
    for name in ("mean_shift", "linear"):
        assert found[f"transfer_{name}_image_top1"] > found["transfer_none_image_top1"] + 10
    assert len(found) == 2 * len(ADAPTERS) and min(found.values()) >= 0
    assert evaluate_text_transfer(inputs, TextTransferConfig(adapters=ADAPTERS), 0) == found


@pytest.mark.parametrize(
    "settings",
    [CaptionChoiceConfig(), ZeroShotConfig(), TextTransferConfig()],
    ids=lambda each: type(each).__name__,
)
def test_what_the_data_do_not_have_is_refused_before_a_module_is_built(settings):
    with pytest.raises(ConfigError):
        settings.check_inputs(make(random(3), random(3), module=False))


def test_an_adapter_that_is_not_known_is_refused():
    with pytest.raises(ConfigError):
        TextTransferConfig(adapters=["mean_shift"])
