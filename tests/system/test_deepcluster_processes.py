"""DeepCluster-v2 on two gloo processes equals one process with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.config import OptimizerConfig
from common.data.pictures.config import PictureFacts
from common.distributed.reduce import all_reduce_sum, world_size
from common.optim.build import build_optimizer
from papers.swav.config import DeepClusterConfig
from papers.swav.deepcluster import DeepClusterV2
from tests.gloo import assert_equal_to_one_process
from tests.system.test_swav_processes import PICTURES, SEED, make_batches


def train() -> dict[str, torch.Tensor]:
    """Two epochs; gradients are averaged as DDP averages them."""
    torch.manual_seed(SEED)
    method = DeepClusterConfig(
        backbone="small_conv", hidden_dim=16, output_dim=8, num_prototypes=[10, 7, 5]
    )
    facts = PictureFacts(channels=1, num_samples=len(PICTURES))
    module = DeepClusterV2(method, OptimizerConfig(name="larc", lr=0.05), facts).double()
    module.log = lambda *_, **__: None
    batches = make_batches()
    strategy = SimpleNamespace(batch_to_device=lambda batch, _: batch)
    module._trainer = SimpleNamespace(
        log_every_n_steps=0, train_dataloader=batches, strategy=strategy
    )
    module.on_train_start()
    optimizer = build_optimizer(module.parameters(), module.optimizer)
    found = {}
    for step in range(2 * len(batches)):
        epoch, index = divmod(step, len(batches))
        key = batches[index].key._replace(epoch=epoch)
        optimizer.zero_grad()
        loss = module.training_step(batches[index]._replace(key=key), index)
        loss.backward()
        for p in module.parameters():
            p.grad = all_reduce_sum(p.grad) / world_size()
        found[f"loss{step}"] = all_reduce_sum(loss) / world_size()
        optimizer.step()
    return found | {f"state.{name}": value for name, value in module.state_dict().items()}


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train()]


@pytest.mark.distributed
def test_losses_memory_targets_and_weights_are_those_of_one_process():
    (found,) = assert_equal_to_one_process(train_all)
    assert (found["state.targets"] >= 0).all()
