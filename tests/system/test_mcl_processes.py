"""MCL on two gloo processes equals one process with the whole batch (float64), in each stage."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from common.data.sampler import EpochBatchSampler
from common.distributed.reduce import rank, world_size
from papers.mcl.config import MCLConfig
from papers.mcl.grouping import grouped_order
from papers.mcl.module import MCL
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp, view_batches

SEED, BATCH, NUM, SIZE = 3, 8, 48, 6
IMAGES = torch.rand(NUM, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(SEED))
DATA = ImageConfig(batch_size=BATCH, views=[ViewConfig(count=2, size=SIZE, noise=0.05)])


def make_module(**changes) -> MCL:
    torch.manual_seed(SEED)
    method = MCLConfig(
        backbone="mlp", hidden_dim=8, output_dim=4, stages=2, num_clusters=2, **changes
    )
    rates = OptimizerConfig(name="sgd", lr=0.01)
    return MCL(method, rates, ImageFacts(1, SIZE, 2, NUM)).double()


def train(**changes) -> dict[str, torch.Tensor]:
    """Trains both stages and returns what is found in the second, with the clusters it has."""
    module = make_module(**changes)
    module.begin_stage(0)
    train_as_ddp(module, view_batches(IMAGES, DATA, SEED))
    module.regroup(1, IMAGES.double().split(BATCH))
    module.begun.fill_(2)
    found = train_as_ddp(module, view_batches(IMAGES, DATA, SEED + 1))
    generator = torch.Generator().manual_seed(SEED)
    order = grouped_order(module.groups, BATCH, 4, generator)
    return found | {"order": order}


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(), train(batches="mixed"), train(negatives="random")]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    (grouped, *_) = assert_equal_to_one_process(train_all)
    assert len(grouped["state.groups"].unique()) == 2


def share(groups: torch.Tensor) -> list[list[int]]:
    sampler = EpochBatchSampler(NUM, BATCH, SEED, rank(), world_size())
    sampler.order = lambda generator: grouped_order(groups, BATCH, len(sampler), generator)
    return [key.rows.tolist() for key in sampler]


def test_a_global_batch_is_of_one_group_and_processes_share_it():
    groups = torch.arange(NUM) % 3
    whole = share(groups)
    assert len(whole) == NUM // BATCH
    assert all(len(set(groups[rows].tolist())) == 1 for rows in whole)
    parts = []
    for process in range(2):
        sampler = EpochBatchSampler(NUM, BATCH, SEED, process, 2)
        sampler.order = lambda generator: grouped_order(groups, BATCH, 6, generator)
        parts.append([key.rows.tolist() for key in sampler])
    assert [first + second for first, second in zip(*parts, strict=True)] == whole
