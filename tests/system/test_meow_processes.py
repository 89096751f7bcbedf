"""Sampled MEOW on two gloo processes equals one process with the whole batch (float64)."""

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from common.config.recipe import load_recipe
from common.data.graphs.config import GraphConfig
from common.data.graphs.module import GraphData
from common.data.sampler import BatchKey
from common.distributed.reduce import all_reduce_sum, rank, world_size
from common.errors import ConfigError
from common.runs.launch import strategy_of
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW
from tests.gloo import assert_equal_to_one_process

BATCH = 64


def train(method: dict) -> dict[str, torch.Tensor]:
    data = GraphData(GraphConfig(batch_size=BATCH), seed=0)
    batches = data.sampled_batches(torch.float64)
    torch.manual_seed(0)
    settings = {"num_clusters": [3, 9], "dim": 8, "dropout": 0.0, "prototype_weight": 0.1} | method
    module = MEOW(MEOWConfig(**settings), None, data.facts).double()
    module.log = lambda *args, **kwargs: None
    optimizer, found = torch.optim.SGD(module.parameters(), lr=0.1), {}
    order, share = (
        torch.randperm(800, generator=torch.Generator().manual_seed(1)),
        BATCH // world_size(),
    )
    for step in range(3):
        offset = rank() * share
        rows = order[step * BATCH :][offset : offset + share]
        optimizer.zero_grad()
        batch = batches[BatchKey(rows, 0, step, offset, BATCH)]
        loss = module.training_step(batch, step)
        loss.backward()
        for parameter in module.parameters():
            parameter.grad = all_reduce_sum(parameter.grad) / world_size()
        found[f"{step}.loss"] = loss.detach()
        found[f"{step}.gradient"] = parameters_to_vector(p.grad for p in module.parameters())
        optimizer.step()
    return found | {f"state {name}": value for name, value in module.state_dict().items()}


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train({"model": model}) for model in ("meow", "adameow")]


@pytest.mark.distributed
def test_loss_gradient_and_state_are_those_of_one_process() -> None:
    assert_equal_to_one_process(train_all)


def test_the_full_batch_refuses_and_a_sampled_one_does_not() -> None:
    with pytest.raises(ConfigError, match=r"data.batch_size=512"):
        strategy_of(load_recipe("meow/quick", ["trainer.devices=2"]))
    assert strategy_of(load_recipe("meow/scale", ["trainer.devices=2"])) == "ddp"
    with pytest.raises(ConfigError, match="batch"):
        strategy_of(load_recipe("meow/scale", ["trainer.devices=2", "data.batch_size=511"]))
