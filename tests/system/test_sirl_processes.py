"""SIRL and its rivals on two gloo processes equal one process with the whole batch (float64)."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.sampler import EpochBatchSampler
from common.distributed.reduce import rank, world_size
from papers.sirl.baselines import VAE, MultiPreferences
from papers.sirl.batch import PreferenceBatch, QueryBatch, RowBatch
from papers.sirl.config import MultiPreferencesConfig, SIRLConfig, VAEConfig
from papers.sirl.data_config import TrajectoryFacts
from papers.sirl.module import SIRL
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS = 3, 8, 4
ROWS = torch.randn(3, BATCH * STEPS, 5, generator=torch.Generator().manual_seed(SEED))
LABELS, ASKED = torch.arange(BATCH * STEPS) % 2, torch.arange(BATCH * STEPS) % 3
FACTS, SMALL = TrajectoryFacts(5, 3), {"hidden_dims": [8], "output_dim": 3}
SGD = OptimizerConfig(name="sgd", lr=0.01)


def batches(kind, *parts: torch.Tensor) -> list:
    """Returns this process's share of an epoch."""
    keys = EpochBatchSampler(BATCH * STEPS, BATCH, SEED, rank(), world_size())
    return [kind(*(part[key.rows] for part in parts), key) for key in keys]


def train(module, given) -> dict[str, torch.Tensor]:
    return train_as_ddp(module.double(), given)


def train_all() -> list[dict[str, torch.Tensor]]:
    torch.manual_seed(SEED)
    first, second, odd = ROWS.double()
    queries = batches(QueryBatch, first, second, odd)
    heads = MultiPreferencesConfig(**SMALL, head_dims=[4])
    asked = batches(PreferenceBatch, first, second, LABELS, ASKED)
    return [
        train(SIRL(SIRLConfig(**SMALL), SGD, FACTS), queries),
        train(SIRL(SIRLConfig(**SMALL, distance="squared", symmetric=False), SGD, FACTS), queries),
        train(VAE(VAEConfig(**SMALL), SGD, FACTS), batches(RowBatch, first)),
        train(MultiPreferences(heads, SGD, FACTS), asked),
    ]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)
