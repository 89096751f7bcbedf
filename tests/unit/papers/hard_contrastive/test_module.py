"""The module on MoCo: which negatives count, what the queue holds, how the rate falls."""

from types import SimpleNamespace

import pytest
import torch

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.errors import ConfigError
from papers.hard_contrastive.config import HardContrastiveConfig
from papers.hard_contrastive.loss import contrast_hardest, named_loss
from papers.hard_contrastive.module import HardContrastive
from tests.training import losses_of

SMALL = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8, "queue_length": 24}


def make_module(**changes):
    torch.manual_seed(0)
    method = HardContrastiveConfig(**{**SMALL, **changes})
    return HardContrastive(method, OptimizerConfig(name="adam", lr=0.01))


def make_batch(seed=1):
    generator = torch.Generator().manual_seed(seed)
    views = [torch.rand(6, 3, 12, 12, generator=generator) for _ in range(2)]
    return ViewBatch(views, torch.zeros(6), None, [])


@pytest.mark.parametrize("loss", ["softmax", "simple"])
def test_the_step_contrasts_the_nearest_share_of_the_queue(loss):
    module, batch = make_module(hard_share=0.25, loss=loss, temperature=0.5), make_batch()
    queue = module.queue.clone()
    found = module.training_step(batch, 0)
    q, k = module.project(batch.views[0]), module.keys(batch.views[1])
    expected = contrast_hardest(q, k, queue, 6, named_loss(loss, 0.5))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(module.queue[:6], k)
    assert torch.equal(module.queue[6:], queue[6:])


@pytest.mark.parametrize(("share", "count"), [(0.0819, 2), (0.001, 1), (1.0, 24)])
def test_the_share_is_a_number_of_negatives_at_least_one(share, count):
    assert HardContrastiveConfig(**SMALL, hard_share=share).num_hard == count


@pytest.mark.parametrize("loss", ["softmax", "simple"])
def test_learns_against_the_same_keys(loss):
    module, batch = make_module(hard_share=0.5, loss=loss, momentum=1.0), make_batch()
    queue = module.queue.clone()
    found = []
    for _ in range(8):
        module.queue.copy_(queue)
        found += losses_of(module, [batch])
    assert found[-1] < found[0]


def test_the_rate_falls_to_a_tenth_after_each_drop():
    module = make_module(drop_epochs=[2, 3])
    module._trainer = SimpleNamespace(
        max_epochs=4,
        num_training_batches=5,
        accumulate_grad_batches=1,
        estimated_stepping_batches=20,
    )
    table = module.configure_optimizers()["lr_scheduler"]["scheduler"].table
    rates = [0.01] * 10 + [0.001] * 5 + [0.0001] * 5
    torch.testing.assert_close(torch.tensor(table), torch.tensor(rates).double())


@pytest.mark.parametrize(
    "words",
    [
        ["method.drop_epochs=[3,2]", "optimizer.schedule=constant"],
        ["method.drop_epochs=[0,2]", "optimizer.schedule=constant"],
        ["method.drop_epochs=[10]", "optimizer.schedule=constant"],
        ["method.drop_epochs=[2]"],
    ],
)
def test_drops_that_do_not_fit_the_training_are_refused(words):
    with pytest.raises(ConfigError, match=r"method\.drop_epochs"):
        load_recipe("hard_contrastive", words)


def test_moco_refuses_its_own_settings_here_too():
    with pytest.raises(ConfigError, match=r"method\.queue_length"):
        load_recipe("hard_contrastive", ["method.queue_length=8"])
