"""CPL on two gloo processes equals one process with the whole batch (float64)."""

from collections.abc import Iterator

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.sampler import EpochBatchSampler
from common.data.targets.open_world.batch import OpenWorldBatch, make_view
from common.data.targets.open_world.config import OpenWorldConfig, OpenWorldFacts
from common.data.targets.open_world.module import SplitBatches
from common.data.targets.open_world.order import alternating_order
from common.data.targets.open_world.samples import LABELLED, UNLABELLED, Part
from common.distributed.reduce import rank, world_size
from papers.owdfa_cpl.baselines import ORCA, RankStats
from papers.owdfa_cpl.config import CPLConfig, ORCAConfig, RankStatsConfig
from papers.owdfa_cpl.module import CPL
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

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


def two_epochs() -> Iterator[OpenWorldBatch]:
    config = OpenWorldConfig(batch_size=BATCH, crop=0.3, recolour=0.5)
    sampler = EpochBatchSampler(ROWS, BATCH, SEED, rank(), world_size(), order=order)
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for key in sampler:
            yield make_view(SplitBatches(PART)[key], config, SEED)


def train(kind, method) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    module = kind(method, OptimizerConfig(name="adam", lr=1e-3), FACTS).double()
    return train_as_ddp(module, two_epochs())


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(kind, method) for kind, method in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_state_are_those_of_one_process():
    assert_equal_to_one_process(train_all)
