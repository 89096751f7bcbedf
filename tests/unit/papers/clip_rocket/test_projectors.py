"""The protocol of both projectors: each alone, and what lies between them."""

import numpy as np
import pytest
import torch

from common.config.recipe import load_recipe
from common.data.image_text.config import ImageTextConfig
from common.data.image_text.module import ImageTextData
from common.evaluation.pair_config import ZeroShotConfig
from common.evaluation.zero_shot import evaluate_zero_shot
from papers.clip_rocket.config import ProjectorsConfig
from papers.clip_rocket.module import ClipRocket
from papers.clip_rocket.projectors import evaluate_projectors, mix

WORDS = ["data.train_rows=80", "data.batch_size=40"]


@pytest.fixture(scope="module")
def data():
    data = ImageTextData(ImageTextConfig(train_rows=80), 0)
    data.load()
    return data


def measure(data, *words, weights=(0.0, 0.5, 1.0)):
    recipe = load_recipe("clip_rocket/quick", [*WORDS, *words])
    torch.manual_seed(0)
    module = ClipRocket(recipe.method, recipe.optimizer, data.facts).eval()
    inputs = data.evaluation_inputs(module, "test")
    found = evaluate_projectors(inputs, ProjectorsConfig(weights=list(weights)), 0)
    return found, evaluate_zero_shot(inputs, ZeroShotConfig(), 0)["zero_shot_top1"]


@pytest.mark.parametrize("weight", ["0", "1"])
def test_one_projector_alone_is_the_protocol_zero_shot_with_that_projector(data, weight):
    found, shared = measure(data, f"method.test_weight={weight}")
    assert found[f"zero_shot_w{weight}"] == shared
    assert set(found) == {"zero_shot_w0", "zero_shot_w0.5", "zero_shot_w1"}


def test_a_module_without_strong_projectors_is_not_measured(data):
    found, _ = measure(data, "method.separate_projectors=false")
    assert found == {}


def test_scores_are_mixed_linearly():
    weak, strong = torch.rand(3, 4), torch.rand(3, 4)
    found = mix(weak, strong, [0.25, 1.0])
    np.testing.assert_allclose(found[0], 0.25 * weak + 0.75 * strong)
    assert torch.equal(found[1], weak)
