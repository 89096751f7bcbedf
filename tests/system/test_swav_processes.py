"""SwAV on two gloo processes equals one process with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageConfig, ViewConfig
from papers.swav.config import SwAVConfig
from papers.swav.module import SwAV
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp, view_batches

SEED, BATCH, STEPS = 3, 16, 4
IMAGES = torch.rand(BATCH * STEPS, 1, 12, 12, generator=torch.Generator().manual_seed(SEED))


def make_module(optimizer: str, queue: int) -> SwAV:
    torch.manual_seed(SEED)
    method = SwAVConfig(
        backbone="small_conv",
        hidden_dim=16,
        output_dim=8,
        num_prototypes=10,
        queue_length=queue * BATCH,
        queue_from_epoch=0,
        freeze_batches=1,
    )
    module = SwAV(method, OptimizerConfig(name=optimizer, lr=0.05, weight_decay=1e-4))
    module.backbone.layers[0] = torch.nn.Conv2d(1, 32, 3, 2, 1, bias=False)
    module._trainer = SimpleNamespace(num_training_batches=STEPS)
    return module.double()


def make_batches() -> list:
    views = [ViewConfig(count=2, size=12, noise=0.05), ViewConfig(count=2, size=8, area=[0.2, 0.5])]
    config = ImageConfig(batch_size=BATCH, views=views)
    return view_batches(IMAGES, config, SEED)


def train(optimizer: str, queue: int) -> dict[str, torch.Tensor]:
    return train_as_ddp(make_module(optimizer, queue), make_batches())


CASES = [("larc", 0), ("larc", 1), ("sgd", 2)]


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(optimizer, queue) for optimizer, queue in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    found = assert_equal_to_one_process(train_all)
    assert all(any(name.startswith("3.grad.prototypes") for name in whole) for whole in found)


def test_the_queue_takes_part_in_what_is_compared():
    assert not torch.equal(train("sgd", 0)["loss3"], train("sgd", 1)["loss3"])
