"""The module on MoCo: the warm-up, the draws, the queue and what is refused."""

from types import SimpleNamespace

import pytest
import torch

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.errors import ConfigError
from common.methods.config import MoCoConfig
from common.methods.moco import MoCo
from papers.mochi.config import MoCHiConfig
from papers.mochi.loss import mixed_contrast
from papers.mochi.module import MoCHi
from tests.training import listen

SMALL = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8, "queue_length": 24}
SMALL |= {"batch_norm_groups": 1}
MIXTURES = {"num_hard": 8, "num_key_mixtures": 5, "num_query_mixtures": 3}


def make_module(**changes):
    torch.manual_seed(0)
    method = MoCHiConfig(**{**SMALL, **MIXTURES, "warmup_epochs": 2, **changes})
    return MoCHi(method, OptimizerConfig(name="adam", lr=0.01))


def make_batch():
    generator = torch.Generator().manual_seed(1)
    views = [torch.rand(6, 3, 12, 12, generator=generator) for _ in range(2)]
    return ViewBatch(views, torch.zeros(6), None, [])


def test_before_its_epoch_it_is_moco_and_from_then_on_it_mixes():
    torch.manual_seed(0)
    plain = MoCo(MoCoConfig(**SMALL), OptimizerConfig())
    module, batch = make_module(), make_batch()
    module._trainer = SimpleNamespace(num_training_batches=1, log_every_n_steps=0)
    for step in range(3):
        found, expected = module.training_step(batch, step), plain.training_step(batch, step)
        assert (float(found) == float(expected)) == (step < 2)
        assert torch.equal(module.queue, plain.queue), "mixtures never enter the queue"


def test_the_step_is_the_loss_with_the_draws_of_its_position():
    module, batch = make_module(), make_batch()
    queue, draws = module.queue.clone(), module.draws(6, 0)
    found = module.training_step(batch, 0)
    q, k = module.project(batch.views[0]), module.keys(batch.views[1])
    torch.testing.assert_close(found, mixed_contrast(q, k, queue, 8, draws, 0.2))
    assert not torch.equal(module.draws(6, 0).first, draws.first), "each batch draws anew"


def test_both_turns_of_a_batch_draw_anew():
    module = make_module()
    assert not torch.equal(module.draws(6, 0).share, module.draws(6, 1).share)


@pytest.mark.parametrize("rows", [2, 64])
def test_the_proxy_task_is_logged_with_and_without_mixtures(monkeypatch, rows):
    monkeypatch.setattr("papers.mochi.module.CHUNK_ROWS", rows)
    module = make_module(warmup_epochs=0)
    logged = listen(module)
    module.training_step(make_batch(), 0)
    assert 0 <= logged["train/proxy_top1"] <= logged["train/proxy_top1_queue"] <= 1
    module.method.num_key_mixtures = module.method.num_query_mixtures = 0
    module.training_step(make_batch(), 0)
    assert logged["train/proxy_top1"] == logged["train/proxy_top1_queue"]


def test_more_hard_keys_than_the_queue_has_are_refused():
    with pytest.raises(ConfigError, match=r"method\.num_hard"):
        load_recipe("mochi", ["method.num_hard=513"])


def test_a_queue_that_holds_each_querys_own_image_is_refused():
    with pytest.raises(ConfigError, match=r"method\.queue_length"):
        MoCHi(MoCHiConfig(**SMALL, **MIXTURES), facts=ImageFacts(num_samples=24))
    MoCHi(MoCHiConfig(**SMALL, **MIXTURES), facts=ImageFacts(num_samples=25))
