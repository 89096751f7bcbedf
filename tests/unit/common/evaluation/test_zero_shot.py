"""Classification by texts, and classifiers that learn from texts, on vectors that are given."""

import json

import numpy as np
import pytest
import torch

from common.errors import ConfigError, DataError
from common.evaluation.pair_config import ADAPTERS, TextTransferConfig, ZeroShotConfig
from common.evaluation.pair_inputs import CaptionedImages, Classes
from common.evaluation.text_transfer import evaluate_text_transfer, make_adapter
from common.evaluation.zero_shot import class_description, evaluate_zero_shot
from common.losses.precision import unit
from tests.pair_inputs import WORDS, Given, make, random, texts


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
    for wrong in (json.dumps({"word0": ["x"]}), "[" * 100_000):
        path.write_text(wrong)
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
    for wrong in ({"1_7": [["word4", "word3"]]}, {"0_1": 5}):
        path.write_text(json.dumps(wrong))
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
    assert class_description("x", text) == joined


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
    table = centres[labels] + random(60, seed=4) - torch.tensor([shift, -3.0, 0, 0, 0, 0])
    train = CaptionedImages(Given(images), texts(range(60)), np.arange(60), labels)
    return make(images, table, train=train, labels=labels)


def test_a_shift_of_the_mean_carries_a_classifier_over_the_gap():
    inputs = moved_pairs(3.0)
    found = evaluate_text_transfer(inputs, TextTransferConfig(adapters=ADAPTERS), 0)
    assert found["transfer_none_image_top1"] < 80
    for name in ("mean_shift", "linear"):
        assert found[f"transfer_{name}_image_top1"] > found["transfer_none_image_top1"] + 10
    assert len(found) == 2 * len(ADAPTERS) and min(found.values()) >= 0
    assert evaluate_text_transfer(inputs, TextTransferConfig(adapters=ADAPTERS), 0) == found


def test_noise_is_added_while_the_classifier_learns_alone():
    image, text = random(20), random(20, seed=4)
    for name in ADAPTERS:
        learn, apply = make_adapter(
            name, image, text, TextTransferConfig(), torch.Generator().manual_seed(0)
        )
        assert torch.equal(learn(text), learn(text)) == (name == "none")
        assert torch.equal(apply(text), apply(text))
        # The covariance moves texts to images while it learns, and leaves those that are tested.
        assert torch.equal(apply(text), unit(text)) == (name in ("none", "noise", "covariance"))
