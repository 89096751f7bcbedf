"""CPL on two gloo processes equals one process with the whole batch (float64)."""

import pytest
import torch

from common.config import OptimizerConfig
from common.data.open_world.batch import make_view
from common.data.open_world.config import OpenWorldConfig, OpenWorldFacts
from common.data.open_world.module import SplitBatches
from common.data.open_world.order import alternating_order
from common.data.open_world.samples import LABELLED, UNLABELLED, Part
from common.data.sampler import EpochBatchSampler
from common.distributed.reduce import all_reduce_sum, rank, world_size
from common.optim.build import build_optimizer
from papers.owdfa_cpl.baselines import ORCA, RankStats
from papers.owdfa_cpl.config import CPLConfig, ORCAConfig, RankStatsConfig
from papers.owdfa_cpl.module import CPL
from tests.gloo import assert_equal_to_one_process

SEED, BATCH, ROWS = 3, 12, 36
GENERATOR = torch.Generator().manual_seed(SEED)
PART = Part(
    torch.rand(ROWS, 3, 16, 16, generator=GENERATOR, dtype=torch.float64),
    torch.arange(ROWS) % 5,
    torch.where(torch.arange(ROWS) % 5 < 3, LABELLED, UNLABELLED),
)
FACTS = OpenWorldFacts(3, 16, 5, 3, ROWS, int((PART.tags == UNLABELLED).sum()))
SHARED = {"backbone": "forensic_conv", "dropout": 0.0}
CASES = [
    (CPL, CPLConfig(**SHARED, parts=2)),
    (CPL, CPLConfig(**SHARED, parts=1, pseudo_labels="flex", cutoff=0.2, relabel_epochs=1)),
    (CPL, CPLConfig(**SHARED, parts=2, pseudo_labels="free", pretrain_epochs=1)),
    (ORCA, ORCAConfig(**SHARED)),
    (RankStats, RankStatsConfig(**SHARED)),
]


def order(generator):
    return alternating_order(PART.labels, PART.tags == LABELLED, generator)


def train(kind, method) -> dict[str, torch.Tensor]:
    """Returns losses, gradients and state of an epoch; gradients are averaged as DDP does."""
    torch.manual_seed(SEED)
    module = kind(method, OptimizerConfig(name="adam", lr=1e-3), FACTS).double()
    trained = {n: p for n, p in module.named_parameters() if p.requires_grad}
    optimizer = build_optimizer(trained.values(), module.optimizer)
    config, found = OpenWorldConfig(batch_size=BATCH, crop=0.3, recolour=0.5), {}
    sampler = EpochBatchSampler(ROWS, BATCH, SEED, rank(), world_size(), order=order)
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for step, key in enumerate(sampler):
            optimizer.zero_grad()
            loss = module.training_step(make_view(SplitBatches(PART)[key], config, SEED), step)
            loss.backward()
            found[f"{epoch}.{step}.loss"] = all_reduce_sum(loss) / world_size()
            for name, parameter in trained.items():
                parameter.grad = all_reduce_sum(parameter.grad) / world_size()
                found[f"{epoch}.{step}.{name}"] = parameter.grad.clone()
            optimizer.step()
    return found | {f"state.{name}": value for name, value in module.state_dict().items()}


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(kind, method) for kind, method in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_state_are_those_of_one_process():
    assert_equal_to_one_process(train_all)
