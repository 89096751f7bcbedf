"""What methods on images with texts share, shown on plain CLIP."""

import math

import pytest
import torch
from torch.utils.data import DataLoader

from common.backbones.text_config import TextTowerConfig
from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.sampler import BatchKey
from common.errors import ConfigError
from common.methods.clip import CLIP
from common.methods.config import CLIPConfig
from common.methods.two_tower import LARGEST
from tests.training import listen, losses_of, quiet_trainer

TEXT = TextTowerConfig(width=16, layers=1, heads=2)
SMALL = {"backbone": "tiny_conv", "stem": "cifar", "text": TEXT, "dim": 8}
FACTS = ImageTextFacts(num_words=30, pad=0, eot=1, unknown=2, context=9)
OPTIMIZER = OptimizerConfig(name="adamw", lr=0.01, weight_decay=0.1, exclude_1d=True)


def make(**method):
    torch.manual_seed(0)
    return CLIP(CLIPConfig(**SMALL, **method), OPTIMIZER, FACTS)


def make_batch(size=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(size, 1, 3, 32, 32, generator=generator)
    ids = torch.randint(3, 30, (size, 1, 9), generator=generator)
    mask = torch.arange(9) < torch.randint(3, 10, (size, 1, 1), generator=generator)
    rows = torch.arange(size)
    return PairBatch(images, ids * mask, mask, None, None, BatchKey(rows, 0, 0, 0, size))


def test_it_learns_and_counts():
    module = make()
    losses = losses_of(module, [make_batch()] * 12)
    assert losses[0] > 0.8 * math.log(8) and losses[-1] < losses[0] / 2
    assert int(module.batches_seen) == 12


def test_a_strangers_plain_batch_gives_the_same_loss():
    batch = make_batch()
    ids = batch.ids[:, 0].clone()
    ids[~batch.mask[:, 0]] = FACTS.pad
    ids[torch.arange(8), batch.mask[:, 0].sum(1) - 1] = FACTS.eot
    theirs = make().training_step((batch.images[:, 0], ids), 0)
    ours = make().training_step(batch._replace(ids=ids[:, None]), 0)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=0)


def test_the_scale_is_learnt_kept_in_bounds_and_free_of_decay():
    module = make(scale=99.9)
    assert module.log_scale.item() == pytest.approx(math.log(99.9))
    losses_of(module, [make_batch()] * 20)
    assert module.log_scale.item() <= LARGEST
    with torch.no_grad():
        module.log_scale.fill_(-0.5)
    losses_of(module, [make_batch()])
    assert module.log_scale.item() >= 0
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, DataLoader([make_batch()], batch_size=None, collate_fn=lambda x: x))
    free = trainer.optimizers[0].param_groups[1]
    assert free["weight_decay"] == 0 and any(p is module.log_scale for p in free["params"])


def test_a_fixed_scale_is_no_parameter_and_is_in_the_checkpoint():
    module = make(fixed_scale=True, scale=100.0)
    losses_of(module, [make_batch()] * 3)
    assert module.log_scale.item() == pytest.approx(LARGEST)
    assert "towers.log_scale" in module.state_dict()
    assert not any(p is module.log_scale for p in module.parameters())


def test_the_warm_up_counts_batches():
    module = make(warmup_batches=4, adam_eps=1e-6)
    module.optimizer.schedule = "cosine"
    trainer = quiet_trainer(max_epochs=2)
    batches = [make_batch(seed=seed) for seed in range(5)]
    trainer.fit(module, DataLoader(batches, batch_size=None, collate_fn=lambda x: x))
    table = trainer.lr_scheduler_configs[0].scheduler.table / module.optimizer.lr
    assert table[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert len(table) == 10 and table[-1] == pytest.approx(0.5 * (1 + math.cos(math.pi * 5 / 6)))
    assert {group["eps"] for group in trainer.optimizers[0].param_groups} == {1e-6}
    module.method.warmup_batches = 11
    with pytest.raises(ConfigError, match="warmup_batches=11"):
        quiet_trainer(max_epochs=2).fit(
            module, DataLoader(batches, batch_size=None, collate_fn=lambda x: x)
        )


def test_each_side_and_the_scale_are_logged():
    module = make()
    logged = listen(module)
    module._trainer.num_training_batches = 3
    module.training_step(make_batch(), 0)
    assert logged["diag/scale"] == pytest.approx(1 / 0.07)
    assert min(logged["diag/image_std"], logged["diag/text_std"]) > 0
    assert logged["train/loss"] == pytest.approx(
        (logged["train/image_to_text_loss"] + logged["train/text_to_image_loss"]) / 2
    )


def test_a_loss_that_stays_at_chance_is_told_once_the_warm_up_is_over():
    module = make()
    listen(module)
    module._trainer.num_training_batches = 3
    with torch.no_grad():
        module.towers.text_projector.weight.copy_(torch.eye(8, 16))
        module.towers.text.words.weight.zero_()
        module.towers.text.positions.zero_()
    module.batches_seen.fill_(4)
    with pytest.warns(UserWarning, match="the loss is that of chance"):
        module.training_step(make_batch(), 0)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("data.num_strong=1", "data.num_strong"),
        ("data.hard_captions=[invert]", "data.hard_captions"),
        ("data.hard_images=2", "data.hard_images"),
        ("method.warmup_batches=4 optimizer.warmup_epochs=1", "method.warmup_batches"),
        ("method.open_clip=ViT-B-32", "data.tokenizer"),
        ("method.open_clip=ViT-B-32 method.initial_weights=openai", "quickgelu"),
    ],
)
def test_what_other_sections_rule_out_is_refused(words, key):
    given = ["baseline=clip", "arm=baseline/clip", "data.hard_captions=[]", *words.split()]
    with pytest.raises(ConfigError, match=key):
        load_recipe("negclip/quick", given)
