"""The shared methods on two gloo processes equal one process with the whole batch (float64)."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from common.methods.barlow_twins import BarlowTwins
from common.methods.config import (
    BarlowTwinsConfig,
    MoCoConfig,
    SimCLRConfig,
    SimSiamConfig,
)
from common.methods.moco import MoCo
from common.methods.simclr import SimCLR
from common.methods.simsiam import SimSiam
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp, view_batches

SEED, BATCH, STEPS = 3, 16, 3
IMAGES = torch.rand(BATCH * STEPS, 1, 12, 12, generator=torch.Generator().manual_seed(SEED))
HEAD = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8}
QUEUE = {"queue_length": 64, "momentum": 0.9}
CASES = {
    "simclr": (SimCLR, SimCLRConfig(**HEAD)),
    "simsiam": (SimSiam, SimSiamConfig(**HEAD, predictor_dim=4)),
    "barlow": (BarlowTwins, BarlowTwinsConfig(**HEAD)),
    "moco": (MoCo, MoCoConfig(**HEAD, **QUEUE, batch_norm_groups=1, symmetric=True)),
    "moco-shuffled": (MoCo, MoCoConfig(**HEAD, **QUEUE, batch_norm_groups=4)),
}


def train_module(module) -> dict[str, torch.Tensor]:
    config = ImageConfig(batch_size=BATCH, views=[ViewConfig(count=2, size=12, noise=0.05)])
    return train_as_ddp(module, view_batches(IMAGES, config, SEED))


def train(name: str) -> dict[str, torch.Tensor]:
    kind, config = CASES[name]
    torch.manual_seed(SEED)
    module = kind(config, OptimizerConfig(lr=0.05), ImageFacts(channels=1))
    found = train_module(module.double())
    if name == "moco-shuffled":  # running statistics are each process's own
        return {k: x for k, x in found.items() if "running" not in k and "tracked" not in k}
    return found


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(name) for name in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_state_are_those_of_one_process():
    assert_equal_to_one_process(train_all)
