"""AMCL on two gloo processes equals one process with the whole batch (float64)."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageFacts
from papers.amcl.config import BASES, AMCLConfig
from papers.amcl.module import AMCL
from tests.gloo import assert_equal_to_one_process
from tests.system.test_method_processes import BATCH, SEED, train_module


def train(base: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    method = AMCLConfig(
        base=base,
        backbone="small_conv",
        num_heads=2,
        hidden_dim=16,
        output_dim=8,
        temperature_hidden_dim=4,
        # Far from the floor: 1 / tau would only magnify the rounding that is compared.
        temperature_min=0.1,
        beta=0.01,
        top_k=5,
        predictor_dim=4,
        queue_length=64,
        channel_batch=BATCH,
        temperature_init_scale=0.5,
    )
    module = AMCL(method, OptimizerConfig(lr=0.02), ImageFacts(channels=1))
    return train_module(module.double())


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(base) for base in BASES]


@pytest.mark.distributed
def test_loss_gradient_and_state_are_those_of_one_process() -> None:
    found = assert_equal_to_one_process(train_all)
    assert all(any(name.startswith("2.grad.phi") for name in whole) for whole in found)
