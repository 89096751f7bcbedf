"""DeepCluster-v2 on two gloo processes equals one process with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageFacts
from papers.swav.config import DeepClusterConfig
from papers.swav.deepcluster import DeepClusterV2
from tests.gloo import assert_equal_to_one_process
from tests.system.test_swav_processes import IMAGES, SEED, make_batches
from tests.training import train_as_ddp


def train() -> dict[str, torch.Tensor]:
    """Returns what two epochs find."""
    torch.manual_seed(SEED)
    method = DeepClusterConfig(
        backbone="small_conv", hidden_dim=16, output_dim=8, num_prototypes=[10, 7, 5]
    )
    facts = ImageFacts(channels=1, num_samples=len(IMAGES))
    module = DeepClusterV2(method, OptimizerConfig(name="larc", lr=0.05), facts).double()
    batches = make_batches()
    strategy = SimpleNamespace(batch_to_device=lambda batch, _: batch)
    module._trainer = SimpleNamespace(train_dataloader=batches, strategy=strategy)
    module.on_train_start()
    epochs = [b._replace(key=b.key._replace(epoch=epoch)) for epoch in range(2) for b in batches]
    return train_as_ddp(module, epochs)


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train()]


@pytest.mark.distributed
def test_losses_memory_targets_and_weights_are_those_of_one_process():
    (found,) = assert_equal_to_one_process(train_all)
    assert (found["state.targets"] >= 0).all()
