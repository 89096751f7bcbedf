"""WhitenedCSE's module: views, permutations, whitening, stages, and training by a stock Trainer."""

from types import SimpleNamespace

import pytest
import torch

from common.backbones.text_config import EncoderConfig
from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.errors import ConfigError
from papers.whitenedcse.config import WhitenedCSEConfig
from papers.whitenedcse.module import WhitenedCSE

ENCODER = EncoderConfig(dim=8, layers=2, heads=2, feed_forward=16, positions=12, token_types=0)
FACTS = TextFacts(num_words=30, special=Special(0, 3, 1, 2, 3), max_length=8)
OPTIMIZER = OptimizerConfig(name="adamw", lr=0.01, schedule="linear")


def make(**method):
    torch.manual_seed(0)
    config = WhitenedCSEConfig(encoder=ENCODER, **{"groups": 4, **method})
    return WhitenedCSE(config, OPTIMIZER, FACTS)


def make_batch(texts=1, size=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 30, (size, texts, 8), generator=generator)
    ids[..., 0] = 1
    rows = torch.arange(size)
    mask = torch.arange(8) < torch.randint(4, 9, (size, texts, 1), generator=generator)
    return TextBatch(ids * mask, mask, torch.full((size,), -1), BatchKey(rows, 0, 0, 0, size))


def test_views_differ_by_dropout_and_by_their_permutation():
    batch = make_batch()
    plain = make(whitening="none")
    first, *others = plain.views(batch)
    assert len(others) == 2 and not any(torch.equal(first, other) for other in others)
    first, *others = plain.eval().views(batch)
    assert all(torch.equal(first, other) for other in others)
    # Without dropout the layout `view` alone sets the views of a sentence apart.
    for layout, apart in (("view", True), ("code", False)):
        first, second, _ = make(layout=layout, eps=1e-6).eval().views(batch)
        assert torch.allclose(first[0], second[0], atol=1e-5) != apart
    first, second, _ = make(shuffle=False).eval().views(batch)
    torch.testing.assert_close(first, second)


def test_permutations_are_those_of_the_position_and_of_the_module():
    module = make()
    now = module.permutations(8)
    assert len(now) == 3 and not torch.equal(now[0], now[1])
    assert all(torch.equal(*pair) for pair in zip(now, module.permutations(8), strict=True))
    module.training_step(make_batch(), 0)
    assert not torch.equal(torch.stack(module.permutations(8)), torch.stack(now))
    restored = make()
    torch.nn.init.zeros_(restored.shuffle_seed)
    restored.load_state_dict(module.state_dict())
    pairs = zip(module.permutations(8), restored.permutations(8), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_what_is_evaluated_sees_neither_whitening_nor_head():
    module, batch = make(pooler="avg").eval(), make_batch()
    ids, mask = batch.ids[:, 0], batch.mask[:, 0]
    both = module.embed(ids, mask)
    torch.testing.assert_close(module.embed(ids[:1], mask[:1]), both[:1])
    assert both.abs().max() > 0.5  # the head's weights of .02 make small numbers


def test_several_texts_a_sample_are_refused():
    with pytest.raises(ConfigError, match=r"data\.columns"):
        WhitenedCSE(WhitenedCSEConfig(encoder=ENCODER, groups=4), OPTIMIZER, TextFacts(num_texts=2))
    with pytest.raises(ConfigError, match="training_step"):
        make().training_step(make_batch(texts=3), 0)


@pytest.mark.parametrize(
    ("method", "size", "key"),
    [
        ({"groups": 3}, 8, r"method\.groups"),
        ({"groups": 1}, 8, r"data\.batch_size"),
        # Three chunks of 2 sentences each, in three copies.
        ({"groups": 4, "layout": "code"}, 6, r"data\.batch_size"),
    ],
)
def test_groups_that_cannot_be_whitened_are_refused(method, size, key):
    with pytest.raises(ConfigError, match=key):
        make(**method).training_step(make_batch(size=size), 0)
    loss = make(**{**method, "groups": 4, "eps": 1e-3}).training_step(make_batch(size=size), 0)
    assert loss.isfinite()


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["method.groups=7"], r"method\.groups"),
        (["method.groups=1"], r"data\.batch_size"),
        (["data.drop_last=false"], r"data\.drop_last"),
        (["trainer.epochs=3"], r"method\.pretrain_epochs"),
    ],
)
def test_a_recipe_that_cannot_be_whitened_is_refused_before_it_trains(words, key):
    with pytest.raises(ConfigError, match=key):
        load_recipe("whitenedcse", words)
    load_recipe("whitenedcse", [*words[:-1], "method.whitening=none"])


def test_masked_words_are_told_where_there_is_a_stage_of_them():
    module = make(pretrain_epochs=1)
    module._trainer = SimpleNamespace(num_training_batches=4, callback_metrics={}, optimizers=[])
    module.log = lambda *_, **__: None
    vars(module._trainer).update(training=False, loggers=[], log_every_n_steps=0)
    module.training_step(make_batch(), 0).backward()
    assert module.words.head.weight.grad is not None and module.head.dense.weight.grad is None
    assert make().words is None
