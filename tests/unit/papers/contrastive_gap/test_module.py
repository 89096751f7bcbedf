"""The contrastive gap's module: terms, the control's rotation, and a stock Trainer."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common.backbones.modes import evaluating, training
from common.backbones.text_config import TextTowerConfig
from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.image_text.config import ImageTextFacts
from common.errors import ConfigError, UsageError
from common.own_data.plan import make_plan
from papers.contrastive_gap.config import ContrastiveGapConfig
from papers.contrastive_gap.module import ContrastiveGap, renew_projectors
from tests.training import listen, quiet_trainer

FACTS = ImageTextFacts(num_words=20, pad=0, eot=1, unknown=2, context=6)
TEXT = TextTowerConfig(width=16, layers=1, heads=2)
OPTIMIZER = OptimizerConfig(name="adamw", lr=1e-2)
EOT = torch.ones(64, 1, dtype=torch.int64)
GENERATOR = torch.Generator().manual_seed(4)
IMAGES = torch.randn(64, 3, 32, 32, generator=GENERATOR)
IDS = torch.cat([torch.randint(3, 20, (64, 4), generator=GENERATOR), EOT], 1)


def make(**method):
    torch.manual_seed(0)
    config = ContrastiveGapConfig(backbone="tiny_conv", text=TEXT, dim=8, **method)
    return ContrastiveGap(config, OPTIMIZER, FACTS)


def train(module, epochs=1):
    loader = DataLoader(TensorDataset(IMAGES, IDS), batch_size=16)
    quiet_trainer(max_epochs=epochs).fit(module, loader)
    return module


def distance(module, mode=evaluating):
    """Returns how far the centres of images and texts are apart."""
    with torch.no_grad(), mode(module):
        u, v = module.project_image(IMAGES), module.project_text(IDS, torch.ones_like(IDS).bool())
    u, v = (nn.functional.normalize(side, dim=1).mean(0) for side in (u, v))
    return float((u - v).norm())


def test_it_learns_in_a_stock_trainer_and_its_scale_stays():
    module = make()
    before = distance(module)
    train(module, epochs=10)
    assert distance(module) < before / 2
    assert float(module.log_scale.exp()) == pytest.approx(100)
    assert not [p for p in module.parameters() if p is module.log_scale]


def test_texts_are_turned_once_and_keep_it_over_a_checkpoint(tmp_path):
    module = make(start_gap=0.0, turning_pairs=40, uniformity_weight=0.0, alignment_weight=0.0)
    before = distance(copy.deepcopy(module), training)
    with pytest.raises(UsageError):  # it would start with the whole gap
        module.training_step((IMAGES, IDS), 0)
    counted = {name: value.clone() for name, value in module.backbone.named_buffers()}
    module.turn_texts([(IMAGES[:32], IDS[:32]), (IMAGES[32:], IDS[32:])])
    assert all(torch.equal(value, counted[name]) for name, value in module.backbone.named_buffers())
    assert distance(copy.deepcopy(module), training) < before / 3, "as the loss sees them"
    train(module)
    rotation = module.rotation.clone()
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(8), atol=1e-5, rtol=0)
    train(module)  # its position is not 0 any more
    assert torch.equal(module.rotation, rotation)
    other = make(start_gap=0.0)
    other.load_state_dict(module.state_dict())
    assert distance(other) == distance(module)


def test_a_gap_that_is_kept_turns_nothing_when_asked_for_all_of_it():
    module = train(make(start_gap=1.0))
    other = train(make())
    assert module.rotation.shape == (8, 8) and other.rotation.shape == (0, 0)


def test_it_logs_each_term_of_the_loss():
    module = make()
    logged = listen(module)
    module.trainer.num_training_batches = 1
    module.training_step((IMAGES, IDS), 0)
    names = ("uniformity", "alignment", "cross_uniformity", "image_to_text", "text_to_image")
    assert {f"train/{name}_loss" for name in names} <= set(logged)
    total = 0.5 * logged["train/image_to_text_loss"] + 0.5 * logged["train/text_to_image_loss"]
    total += logged["train/uniformity_loss"] + logged["train/alignment_loss"]
    assert logged["train/loss"] == pytest.approx(total, rel=1e-5)
    assert logged["diag/centroid_distance"] > 0


def test_a_published_model_gets_new_projectors():
    model = nn.Module()
    model.visual = nn.Module()
    model.visual.proj = nn.Parameter(torch.zeros(12, 4))
    model.text_projection = nn.Parameter(torch.zeros(10, 4))
    renew_projectors(SimpleNamespace(model=model), 6)
    assert model.visual.proj.shape == (12, 6) and model.text_projection.shape == (10, 6)
    for drawn, features in ((model.visual.proj, 12), (model.text_projection, 10)):
        most = drawn.detach().abs().max().item() * features**0.5
        assert 0.8 < most <= 1, "as torch.nn.Linear draws its weights"
    del model.text_projection
    with pytest.raises(ConfigError):
        renew_projectors(SimpleNamespace(model=model), 6)


@pytest.mark.parametrize(
    "words",
    [
        ["data.num_strong=1"],
        ["data.hard_captions=[invert]"],
        ["data.hard_images=2"],
        ["method.new_projectors=true"],
        ["method.open_clip=ViT-B-32", "data.tokenizer=clip_bpe", "method.start_gap=0"],
    ],
)
def test_what_the_method_does_not_use_is_refused(words):
    with pytest.raises(ConfigError):
        load_recipe("contrastive_gap", words)


def test_a_plan_for_own_captions_measures_the_gap(tmp_path):
    for number in range(20):
        pixels = np.full((32, 32, 3), 9 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    lines = [f"{number}.png,thing {number}" for number in range(20)]
    table = tmp_path / "pairs.csv"
    table.write_text("\n".join(["filepath,title", *lines]))
    found = make_plan("contrastive_gap", str(table), [])
    assert found.recipe.evaluation.protocols == ["gap", "image-text-retrieval"]
