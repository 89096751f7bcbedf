"""A step asks for nothing that a GPU would have to be waited for."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from common.data.images.batch import ImageBatch
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.views import make_view_batch
from common.data.sampler import BatchKey
from common.training.position import Position, batches_seen
from papers.swav.config import SwAVConfig
from papers.swav.loss import queue_is_full
from papers.swav.module import SwAV
from tests.unit.papers.swav.test_module import make_batch, make_module

WAITS = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique")


class Waits(TorchDispatchMode):
    """Lists the operations whose result Python must know before it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name.startswith(WAITS):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def train(module: SwAV, step: int) -> torch.Tensor:
    loss = module.training_step(make_batch(seed=step), step)
    loss.backward()
    module.on_after_backward()
    return loss.detach()


def waits_of(module: SwAV, step: int) -> list[str]:
    with Waits() as waits:
        train(module, step)
    return waits.found


@pytest.mark.parametrize("changes", [{}, {"freeze_batches": 99}, {"assignment_crops": [0]}])
def test_from_the_second_step_on_nothing_is_waited_for(changes):
    module = make_module(**changes)
    assert "_local_scalar_dense" in waits_of(module, 0), "the first reads the position"
    assert waits_of(module, 1) == []


def test_a_queue_is_looked_at_until_it_is_full():
    module = make_module(queue_length=12)
    found = [bool(waits_of(module, step)) for step in range(5)]
    assert found == [True, True, True, False, False]


def test_a_resumed_module_looks_once_and_goes_on_alike():
    module = make_module(queue_length=12, freeze_batches=3)
    for step in range(4):
        train(module, step)
    resumed = make_module(queue_length=12, freeze_batches=3)
    train(resumed, 9)  # what Python knows of this state must not outlive it
    resumed.load_state_dict(module.state_dict())
    assert batches_seen(resumed) == 4
    for step in (4, 5):
        module.zero_grad()
        resumed.zero_grad()
        assert torch.equal(train(module, step), train(resumed, step))
        for ours, theirs in zip(module.parameters(), resumed.parameters(), strict=True):
            assert torch.equal(ours.grad, theirs.grad)
    assert waits_of(resumed, 6) == []


def test_an_emptied_queue_is_not_used():
    module, twin = make_module(queue_length=12), make_module()
    for step in range(4):
        train(module, step)
        train(twin, step)
    assert queue_is_full(module.queue[0])
    module.queue.zero_()
    assert torch.equal(train(module, 4), train(twin, 4))


def test_a_log_that_is_due_may_wait():
    module = make_module()
    module._trainer = SimpleNamespace(log_every_n_steps=2, training=True, callbacks=[Position()])
    train(module, 0)
    assert "_local_scalar_dense" in waits_of(module, 1)
    assert waits_of(module, 2) == []


def test_views_are_made_without_a_look_at_the_images():
    # Tensors on "meta" have no content: whoever reads one fails.
    view = {"jitter": 0.8, "grey": 0.5, "blur": 0.5, "solarise": 0.3, "noise": 0.1}
    views = [ViewConfig(count=2, size=12, **view), ViewConfig(count=1, size=8, rotation=0.2)]
    config = ImageConfig(views=views, mean=[0.5] * 3, std=[0.2] * 3)
    key = BatchKey(torch.arange(5), 0, 0, 0, 5)
    images = torch.zeros(5, 3, 14, 16, dtype=torch.uint8, device="meta")
    made = make_view_batch(ImageBatch(images, torch.zeros(5), key), config, seed=0)
    assert [tuple(v.shape) for v in made.views] == [(5, 3, 12, 12)] * 2 + [(5, 3, 8, 8)]
    assert {v.device.type for v in [*made.views, *made.crops]} == {"meta"}


def test_processes_do_not_send_what_all_of_them_have():
    module = SwAV(SwAVConfig(backbone="small_conv", queue_length=4))
    ignored = module._ddp_params_and_buffers_to_ignore
    assert set(ignored) == {"queue", "batches_seen"} <= {n for n, _ in module.named_buffers()}
