"""MoCo's own: the queue, the momentum encoder and the groups of batch norm."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.errors import ConfigError
from common.losses.infonce import queue_info_nce
from common.methods import moco
from common.methods.config import MoCoConfig
from common.methods.moco import MoCo, enqueue, groups_of_this_process

SMALL = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8, "queue_length": 24}


def make_module(**changes):
    torch.manual_seed(0)
    return MoCo(MoCoConfig(**{**SMALL, "batch_norm_groups": 1, **changes}), OptimizerConfig())


def make_batch(batch=6):
    generator = torch.Generator().manual_seed(1)
    views = [torch.rand(batch, 3, 12, 12, generator=generator) for _ in range(2)]
    return ViewBatch(views, torch.zeros(batch), None, [])


def test_the_ring_forgets_its_oldest():
    queue, start = torch.zeros(5, 1), torch.zeros((), dtype=torch.int64)
    for first in (1.0, 4.0, 7.0):
        enqueue(queue, start, torch.tensor([[first], [first + 1], [first + 2]]))
    assert queue[:, 0].tolist() == [6, 7, 8, 9, 5]
    assert int(start) == 4


def test_each_head_has_a_ring_of_its_own():
    queue, start = torch.zeros(2, 3, 1), torch.zeros((), dtype=torch.int64)
    enqueue(queue, start, torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]]))
    assert queue[..., 0].tolist() == [[1, 2, 0], [3, 4, 0]]


def test_the_step_is_info_nce_against_keys_of_the_momentum_encoder():
    module, batch = make_module(), make_batch()
    queue = module.queue.clone()
    with torch.no_grad():
        module.key_encoder[0].layers[0].weight.mul_(1.5)
    loss = module.training_step(batch, 0)
    k = F.normalize(module.key_encoder(batch.views[1]), dim=1)
    expected = queue_info_nce(module.project(batch.views[0]), k, queue, 0.2)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(module.queue[:6], k)
    assert torch.equal(module.queue[6:], queue[6:])


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_subclass_replaces_the_contrast_alone_and_the_queue_takes_the_plain_keys(symmetric):
    told = []

    class Told(MoCo):
        def contrast(self, q, k, turn):
            told.append((turn, k.clone(), self.queue.clone()))
            return (q * 0).sum() + 1 + turn

    torch.manual_seed(0)
    config = MoCoConfig(**SMALL, batch_norm_groups=1, symmetric=symmetric)
    module = Told(config, OptimizerConfig())
    before = module.queue.clone()
    loss = module.training_step(make_batch(), 0)
    turns, keys, queues = zip(*told, strict=True)
    assert turns == ((0, 1) if symmetric else (0,)) and float(loss) == sum(turns) / len(turns) + 1
    assert all(torch.equal(queue, before) for queue in queues), "both turns see one queue"
    torch.testing.assert_close(module.queue[: 6 * len(turns)], torch.cat(keys))


def test_learns_against_the_same_keys():
    module, batch = make_module(momentum=0.9), make_batch()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    queue, losses = module.queue.clone(), []
    for step in range(20):
        module.queue.copy_(queue)
        optimizer.zero_grad()
        loss = module.training_step(batch, step)
        loss.backward()
        optimizer.step()
        module.on_update()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert int(module.batches_seen) == 20


def test_symmetric_asks_both_views_and_keeps_both_keys():
    module, batch = make_module(symmetric=True), make_batch()
    first, second = make_module(), make_module()
    loss = module.training_step(batch, 0)
    expected = first.training_step(batch, 0) + second.training_step(
        batch._replace(views=batch.views[::-1]), 0
    )
    torch.testing.assert_close(loss, expected / 2)
    torch.testing.assert_close(module.queue[:6], first.queue[:6])
    torch.testing.assert_close(module.queue[6:12], second.queue[:6])


def test_no_gradient_reaches_the_keys_and_updates_move_them():
    module = make_module(momentum=0.9)
    before = [p.clone() for p in module.key_encoder.parameters()]
    module.training_step(make_batch(), 0).backward()
    assert all(p.grad is None for p in module.key_encoder.parameters())
    with torch.no_grad():
        module.backbone.layers[0].weight.add_(1)
    assert torch.equal(before[0], next(module.key_encoder.parameters()))
    module.on_update()
    torch.testing.assert_close(next(module.key_encoder.parameters()), before[0] + 0.1)


def test_the_key_encoder_counts_optimizer_updates_not_batches(monkeypatch):
    module, updates = make_module(), []
    monkeypatch.setattr(module, "on_update", lambda: updates.append(1))
    module._trainer = SimpleNamespace(log_every_n_steps=0, fit_loop=None)
    optimizer = SimpleNamespace(step=lambda closure: updates.append("step"))
    module.training_step(make_batch(), 0)
    assert updates == []
    module.optimizer_step(0, 0, optimizer, lambda: None)
    assert updates == ["step", 1]


def test_groups_have_statistics_of_their_own_and_keys_come_back_in_order():
    module, batch = make_module(batch_norm_groups=3), make_batch()
    parts = [module.project(part) for part in batch.views[0].chunk(3)]
    torch.testing.assert_close(module.queries(batch.views[0]), torch.cat(parts))
    dealt = module.keys(batch.views[1])
    assert not torch.allclose(
        dealt, torch.cat([module.key_encoder(part) for part in batch.views[1].chunk(3)]), atol=1e-3
    )
    # Without batch statistics the groups do not matter: what is left is the order.
    module.eval()
    torch.testing.assert_close(
        module.keys(batch.views[1]), F.normalize(module.key_encoder(batch.views[1]), dim=1)
    )


def test_groups_that_processes_cannot_share_are_refused(monkeypatch):
    monkeypatch.setattr(moco, "world_size", lambda: 2)
    assert groups_of_this_process(4) == 2
    with pytest.raises(ConfigError, match="3 groups cannot be shared by 2 processes"):
        groups_of_this_process(3)


VIEWS = "data.views=[{count: 2, size: 12}]"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["method.queue_length=100"], "100 cannot hold the 128 keys"),
        (["method.queue_length=200", "method.symmetric=true"], "cannot hold the 256 keys"),
        (["method.batch_norm_groups=3"], "3.*data.batch_size=128"),
        (["method.batch_norm_groups=128"], "at least 2 images each"),
        (["data.views=[{count: 3, size: 12}]"], "MoCo contrasts 2 views of an image, not 3"),
        (["method.momentum=1.1"], "method.momentum=1.1.*1"),
    ],
)
def test_recipes_that_cannot_work_are_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe("swav/quick", ["baseline=moco", VIEWS, *overrides])
