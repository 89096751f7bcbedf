"""SepCLR on two gloo processes equals one process with the whole batch (float64)."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from papers.sepclr.config import SepCLRConfig
from papers.sepclr.module import SepCLR
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp, view_batches

SEED, BATCH, STEPS, SIZE = 3, 8, 4, 6
IMAGES = torch.rand(BATCH * STEPS, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(SEED))
# The shares of a batch hold unequal numbers of targets, and some hold none.
LABELS = (torch.arange(BATCH * STEPS) % 5 == 0).long()


def train(**changes) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    method = SepCLRConfig(backbone="mlp", common_dim=3, salient_dim=2, hidden_dim=8, **changes)
    facts = ImageFacts(1, SIZE, 2)
    module = SepCLR(method, OptimizerConfig(name="sgd", lr=1e-5), facts).double()
    data = ImageConfig(batch_size=BATCH, views=[ViewConfig(count=2, size=SIZE, noise=0.05)])
    return train_as_ddp(module, view_batches(IMAGES, data, SEED, LABELS))


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(), train(salient_weight=1, null_weight=10), train(joint_weight=0)]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)
