"""SimCSE's module: views, head, stages, and training by a stock Trainer."""

import pytest
import torch
from torch.utils.data import DataLoader

from common.backbones.text_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.errors import ConfigError
from papers.simcse.config import SimCSEConfig
from papers.simcse.loss import contrast
from papers.simcse.module import SimCSE
from tests.training import quiet_trainer

ENCODER = EncoderConfig(dim=8, layers=2, heads=2, feed_forward=16, positions=12, token_types=0)
FACTS = TextFacts(num_words=30, special=Special(0, 3, 1, 2, 3), max_length=8)
OPTIMIZER = OptimizerConfig(name="adamw", lr=0.01, schedule="linear")


def make(texts=1, **method):
    torch.manual_seed(0)
    facts = TextFacts(FACTS.num_words, FACTS.special, FACTS.max_length, texts)
    return SimCSE(SimCSEConfig(encoder=ENCODER, **method), OPTIMIZER, facts)


def make_batch(texts=1, size=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 30, (size, texts, 8), generator=generator)
    ids[..., 0] = 1
    rows = torch.arange(size)
    mask = torch.arange(8) < torch.randint(4, 9, (size, texts, 1), generator=generator)
    return TextBatch(ids * mask, mask, torch.full((size,), -1), BatchKey(rows, 0, 0, 0, size))


def test_a_lone_text_has_two_views_that_differ_by_dropout_alone():
    module, batch = make(), make_batch()
    first, second = module.views(batch)
    assert not torch.equal(first, second)
    module.eval()
    first, second = module.views(batch)
    assert torch.equal(first, second)


def test_identical_views_leave_the_dropout_of_the_first_stage_on():
    module = make(views="identical")
    first, second = module.views(make_batch())
    assert torch.equal(first, second) and module.backbone.training


def test_given_texts_are_the_views_and_the_third_is_the_hard_negative():
    module, batch = make(texts=3, hard_weight=0.5).eval(), make_batch(texts=3)
    z = module.views(batch)
    for view in range(3):
        alone = module.project(batch.ids[:, view], batch.mask[:, view])
        torch.testing.assert_close(z[view], alone)
    assert module.contrast(z) == contrast(z[0], z[1:], 0.05, 0.5)


@pytest.mark.parametrize(
    ("method", "at_training", "at_test"),
    [
        ({}, True, False),
        ({"head_at_test": True}, True, True),
        ({"pooler": "avg"}, False, False),
        ({"pooler": "avg", "head": True}, True, False),
    ],
)
def test_the_head_is_where_the_settings_put_it(method, at_training, at_test):
    module, batch = make(**method).eval(), make_batch()
    ids, mask = batch.ids[:, 0], batch.mask[:, 0]
    h = module.embed(ids, mask)
    assert (h.abs().max() < 0.5).item() == at_test  # weights of .02 make small numbers
    assert torch.equal(module.project(ids, mask), h) == (at_training == at_test)


def test_masked_words_beside_the_contrast_add_their_weighted_loss():
    batch = make_batch(size=8)
    losses = {}
    for weight in (0.0, 0.1, 1.0):
        module = make(masked_weight=weight, views="identical").eval()
        losses[weight] = module.training_step(batch, 0).item()
    told = losses[1.0] - losses[0.0]
    assert told > 1
    assert losses[0.1] - losses[0.0] == pytest.approx(0.1 * told, rel=1e-3)


@pytest.mark.parametrize(("texts", "copies"), [(1, 2), (2, 2), (3, 3)])
def test_words_are_masked_in_each_copy_of_each_text(texts, copies, monkeypatch):
    module, batch = make(texts, masked_weight=0.1), make_batch(texts, size=8)
    told = []
    mask = module.words.mask
    monkeypatch.setattr(module.words, "mask", lambda *given: told.append(mask(*given)) or told[-1])
    module.training_step(batch, 0)
    (masked, labels), *more = told
    assert masked.shape == labels.shape == (copies * 8, batch.ids.shape[2]) and not more
    assert not torch.equal(labels[::copies], labels[1::copies])


def test_stages_follow_each_other_in_a_stock_trainer():
    module = make(pretrain_epochs=2, pretrain_lr=0.02, pooler="avg")
    names, rates, step = [], [], module.training_step

    def noted(batch, batch_idx):
        loss = step(batch, batch_idx)
        rates.append(module.trainer.optimizers[0].param_groups[0]["lr"])
        names.append(set(module.trainer.callback_metrics) - {"train/loss"})
        return loss

    module.training_step = noted
    loader = DataLoader([make_batch(seed=seed) for seed in range(2)], batch_size=None)
    trainer = quiet_trainer(max_epochs=4, log_every_n_steps=1)
    trainer.fit(module, loader)
    assert rates == pytest.approx([0.02, 0.015, 0.01, 0.005, 0.01, 0.0075, 0.005, 0.0025])
    assert all("train/contrast_loss" not in each for each in names[:4])


def test_too_many_texts_and_a_weight_without_hard_negatives_are_refused():
    with pytest.raises(ConfigError, match=r"data\.columns"):
        make(texts=4)
    with pytest.raises(ConfigError, match=r"method\.hard_weight"):
        make(texts=2, hard_weight=1.0)


@pytest.mark.parametrize("gradient", ["published", "exact"])
def test_equal_texts_are_negatives_unless_they_are_left_out(gradient):
    batch = make_batch(texts=2)
    ids, mask = batch.ids.clone(), batch.mask.clone()
    ids[3, 1], mask[3, 1] = ids[0, 1], mask[0, 1]
    batch = batch._replace(ids=ids, mask=mask)
    losses = []
    for left_out in (False, True):
        module = make(texts=2, gradient=gradient, leave_out_duplicates=left_out).eval()
        z = module.views(batch)
        keys = torch.tensor([[0, 10], [1, 11], [2, 12], [3, 10], [4, 14], [5, 15]])
        losses.append(module.training_step(batch, 0))
        assert losses[-1] == contrast(z[0], z[1:], 0.05, keys=keys if left_out else None)
    assert losses[1] < losses[0]
