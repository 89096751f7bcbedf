"""SupReMix and its baselines on two gloo processes equal one with the whole batch (float64)."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.sampler import EpochBatchSampler
from common.data.targets.regression.config import RegressionConfig, RegressionFacts
from common.data.targets.regression.samples import Samples
from common.data.targets.regression.views import RegressionBatch, make_views
from common.distributed.reduce import rank, world_size
from papers.supremix.baselines import RankNContrast, Regressor
from papers.supremix.config import RankNContrastConfig, RegressorConfig, SupReMixConfig
from papers.supremix.module import SupReMix
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS = 3, 12, 3
GENERATOR = torch.Generator().manual_seed(SEED)
POOL = Samples(
    torch.randn(BATCH * STEPS, 5, generator=GENERATOR, dtype=torch.float64),
    torch.randint(0, 15, (BATCH * STEPS,), generator=GENERATOR).double(),
)
FACTS = RegressionFacts((5,), len(POOL.targets), 7.0, 4.0, 14.0)
# Of SupReMix. One view with rounded labels: some anchors have no positive, and not as many on each
# process.
CASES = [(2, {}), (1, {"label_step": 4.0, "mix_neg": False}), (2, {"mix_pos": False})]
BASELINES = [
    (Regressor, RegressorConfig(backbone="mlp")),
    (Regressor, RegressorConfig(backbone="mlp", loss="mse", mixup=True)),
    (RankNContrast, RankNContrastConfig(backbone="mlp")),
]


def train(views: int, options: dict) -> dict[str, torch.Tensor]:
    method = SupReMixConfig(backbone="mlp", hidden_dim=16, output_dim=8, window=4.0, **options)
    return train_module(SupReMix, method, views)


def train_module(kind, method, views: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    module = kind(method, OptimizerConfig(name="adam", lr=1e-3), FACTS).double()
    config = RegressionConfig(batch_size=BATCH, num_views=views, noise=0.1, swap=0.1)
    batches = []
    for key in EpochBatchSampler(len(POOL.targets), BATCH, SEED, rank(), world_size()):
        plain = RegressionBatch(POOL.inputs[key.rows], POOL.targets[key.rows], key)
        batches.append(make_views(plain, config, POOL, SEED))
    return train_as_ddp(module, batches)


def train_all() -> list[dict[str, torch.Tensor]]:
    ours = [train(views, options) for views, options in CASES]
    return ours + [train_module(kind, method, 2) for kind, method in BASELINES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)


def test_mixtures_take_part_in_what_is_compared():
    plain = train(2, {"mix_neg": False, "mix_pos": False})
    both, without = train(2, {}), train(2, {"mix_pos": False})
    assert len({float(run["loss0"]) for run in (plain, both, without)}) == 3
