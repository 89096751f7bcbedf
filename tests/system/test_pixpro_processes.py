"""PixPro on two gloo processes equals one process with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageConfig, ViewConfig
from papers.pixpro.config import PixProConfig
from papers.pixpro.module import PixPro
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp, view_batches

SEED, BATCH, STEPS = 3, 8, 4
IMAGES = torch.rand(BATCH * STEPS, 3, 20, 26, generator=torch.Generator().manual_seed(SEED))
# Small crops: some pairs do not meet, so that the processes' counts of pairs differ.
VIEWS = [ViewConfig(count=2, size=16, area=[0.1, 0.5], noise=0.05)]


def make_module(**changes) -> PixPro:
    torch.manual_seed(SEED)
    method = PixProConfig(
        backbone="small_conv", hidden_dim=16, output_dim=8, momentum=0.8, **changes
    )
    optimizer = OptimizerConfig(name="lars", lr=1.0, weight_decay=1e-4, exclude_1d=True)
    module = PixPro(method, optimizer)
    module._trainer = SimpleNamespace(estimated_stepping_batches=STEPS)
    module.on_train_start()
    return module.double()


def train(changes: dict) -> dict[str, torch.Tensor]:
    config = ImageConfig(batch_size=BATCH, views=VIEWS)
    return train_as_ddp(make_module(**changes), view_batches(IMAGES, config, SEED))


CASES = [
    {"instance_weight": 1.0, "transform_layers": 2},
    {"averaging": "pairs"},
    {"pixel_loss": "contrast", "propagation": False},
    {"pixel_loss": "none", "instance_weight": 1.0, "instance_loss": "contrast"},
]


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(case) for case in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)


def test_the_momentum_networks_take_part_in_what_is_compared():
    found = train(CASES[0])
    assert int(found["state.updates"]) == STEPS
    name = "projector.0.weight"
    assert not torch.equal(found[f"state.momentum_networks.{name}"], found[f"state.{name}"])
