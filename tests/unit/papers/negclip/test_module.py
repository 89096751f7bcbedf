"""NegCLIP's module: which texts are columns and which are rows, and training by a stock Trainer."""

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
from common.losses.clip import clip_loss
from common.methods.clip import CLIP
from common.methods.config import CLIPConfig
from papers.negclip.config import NegCLIPConfig
from papers.negclip.module import NegCLIP
from tests.training import losses_of, quiet_trainer

TEXT = TextTowerConfig(width=16, layers=1, heads=2)
SMALL = {"backbone": "tiny_conv", "stem": "cifar", "text": TEXT, "dim": 8}
FACTS = ImageTextFacts(num_words=30, pad=0, eot=1, unknown=2, context=9)
OPTIMIZER = OptimizerConfig(name="adamw", lr=0.01, exclude_1d=True)


def make(**method):
    torch.manual_seed(0)
    return NegCLIP(NegCLIPConfig(**SMALL, warmup_batches=2, **method), OPTIMIZER, FACTS)


def texts(size, longest, generator):
    ids = torch.randint(3, 30, (size, longest), generator=generator)
    mask = torch.arange(longest) < torch.randint(3, longest + 1, (size, 1), generator=generator)
    return ids * mask, mask


def make_batch(size=6, near=False, hard=True, seed=1):
    generator = torch.Generator().manual_seed(seed)
    rows = 2 * size if near else size
    images = torch.rand(rows, 1, 3, 32, 32, generator=generator)
    ids, mask = texts(rows, 9, generator)
    extra = texts(rows, 7, generator) if hard else (None, None)
    key = BatchKey(torch.arange(size), 0, 0, 0, size)
    return PairBatch(images, ids[:, None], mask[:, None], *extra, key)


@pytest.mark.parametrize("near", [False, True])
def test_hard_captions_are_columns_of_all_images_and_have_no_image(near):
    module, batch = make().eval(), make_batch(near=near)
    images = module.project_image(batch.images[:, 0])
    captions = module.project_text(batch.ids[:, 0], batch.mask[:, 0])
    hard = module.project_text(batch.extra_ids, batch.extra_mask)
    expected = clip_loss(images, captions, module.log_scale, hard).total
    assert module.training_step(batch, 0) == expected
    # The order among the hard captions is free; a caption's place is its image's.
    order = torch.arange(len(hard) - 1, -1, -1)
    turned = batch._replace(extra_ids=batch.extra_ids[order], extra_mask=batch.extra_mask[order])
    torch.testing.assert_close(module.training_step(turned, 0), expected)
    moved = batch._replace(ids=batch.ids[order], mask=batch.mask[order])
    assert not torch.isclose(module.training_step(moved, 0), expected, rtol=1e-3)


def test_without_hard_negatives_it_is_plain_clip():
    batch = make_batch(hard=False)
    torch.manual_seed(0)
    clip = CLIP(CLIPConfig(**SMALL), OPTIMIZER, FACTS)
    assert torch.equal(make().training_step(batch, 0), clip.training_step(batch, 0))


def test_a_hard_caption_is_pushed_away_from_its_image():
    module, batch = make(), make_batch()

    def gap():
        module.eval()
        with torch.no_grad():
            u, v, w = (
                torch.nn.functional.normalize(x, dim=1)
                for x in (
                    module.project_image(batch.images[:, 0]),
                    module.project_text(batch.ids[:, 0], batch.mask[:, 0]),
                    module.project_text(batch.extra_ids, batch.extra_mask),
                )
            )
        module.train()
        return ((u * v).sum(1) - (u * w).sum(1)).min()

    before = gap()
    losses = losses_of(module, [batch] * 25)
    assert losses[-1] < losses[0] / 2 and gap() > before + 0.1


def test_a_stock_trainer_trains_it_and_the_rate_falls_from_its_warm_up():
    module = make()
    module.optimizer.schedule = "cosine"
    trainer = quiet_trainer(max_epochs=2)
    batches = [make_batch(seed=seed, near=True) for seed in range(4)]
    trainer.fit(module, DataLoader(batches, batch_size=None, collate_fn=lambda found: found))
    assert int(module.batches_seen) == 8
    rates = trainer.lr_scheduler_configs[0].scheduler.table
    assert rates.argmax() in (1, 2) and (rates[2:-1] > rates[3:]).all()
    assert trainer.optimizers[0].param_groups[0]["eps"] == 1e-6, "the published code's"


@pytest.mark.parametrize(
    ("words", "key"),
    [("data.num_strong=1", "data.num_strong"), ("data.hard_captions=[swap]", "hard_captions")],
)
def test_what_other_sections_rule_out_is_refused(words, key):
    with pytest.raises(ConfigError, match=key):
        load_recipe("negclip/quick", [words])


@pytest.mark.parametrize("left_out", [False, True])
def test_equal_captions_are_negatives_unless_they_are_left_out(left_out):
    module, batch = make(leave_out_duplicates=left_out).eval(), make_batch()
    ids, mask = batch.ids.clone(), batch.mask.clone()
    ids[3], mask[3] = ids[0], mask[0]
    extra_ids, extra_mask = batch.extra_ids.clone(), batch.extra_mask.clone()
    extra_ids[2], extra_mask[2] = ids[1, 0, :7], mask[1, 0, :7]  # of another image
    mask[1, 0, 7:] = False
    batch = batch._replace(ids=ids, mask=mask, extra_ids=extra_ids, extra_mask=extra_mask)
    images = module.project_image(batch.images[:, 0])
    captions = module.project_text(ids[:, 0], mask[:, 0])
    hard = module.project_text(extra_ids, extra_mask)
    keys = {
        "keys": torch.tensor([[0], [1], [2], [0], [4], [5]]),
        "extra_keys": torch.tensor([6, 7, 1, 9, 10, 11]),
    }
    loss = clip_loss(images, captions, module.log_scale, hard, **(keys if left_out else {}))
    assert module.training_step(batch, 0) == loss.total
