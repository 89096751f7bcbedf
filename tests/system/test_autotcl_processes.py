"""AutoTCL on two gloo processes equals one process with the whole batch (float64)."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.sampler import EpochBatchSampler
from common.data.series.batches import SeriesBatch
from common.data.series.config import SeriesFacts
from common.distributed.reduce import all_reduce_sum, rank, world_size
from papers.autotcl.averaging import update_mean
from papers.autotcl.config import AutoTCLConfig
from papers.autotcl.module import AutoTCL
from tests.gloo import assert_equal_to_one_process
from tests.samples import SMALL_AUTOTCL

SEED, BATCH, STEPS, LENGTH = 3, 6, 3, 24
POOL = torch.randn(
    BATCH * STEPS, LENGTH, 2, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64
)
SMALL = {**SMALL_AUTOTCL, "mask_weight": 0.5, "consistency_weight": 0.2}
CASES = [
    {},
    {"local_series": "all", "hard_gate": False, "mmd_features": "output"},
    {"objective": "adversarial", "step_mask": "binomial", "augmenter_step_mask": "continuous"},
    {"view": "jitter"},
    {"view": "step-mask"},
]


class Averaged:
    """An optimizer before whose step gradients are averaged, as DDP does."""

    def __init__(self, optimizer, seen):
        self.optimizer, self.seen = optimizer, seen

    def step(self):
        for group in self.optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = all_reduce_sum(weight.grad) / world_size()
                self.seen[f"gradient {len(self.seen)}"] = weight.grad.clone()
        self.optimizer.step()


def train(options: dict) -> dict[str, torch.Tensor]:
    """Returns losses, gradients and state."""
    torch.manual_seed(SEED)
    optimizer = OptimizerConfig(name="adamw", lr=1e-2, weight_decay=0.01)
    module = AutoTCL(AutoTCLConfig(**{**SMALL, **options}), optimizer, SeriesFacts(2)).double()
    found: dict[str, torch.Tensor] = {}
    encoder, augmenter = (Averaged(one, found) for one in module.configure_optimizers())
    sampler = EpochBatchSampler(len(POOL), BATCH, SEED, rank(), world_size())
    for step, key in enumerate(sampler):
        x = POOL[key.rows]
        if module.method.view == "learned":
            module.update_augmenter(x, augmenter)
        loss = module.update_encoder(SeriesBatch(x, x[..., 0] * 0 + 1, key), encoder)
        found[f"loss {step}"] = all_reduce_sum(loss) / world_size()
        update_mean(module.average, module.encoder, step + 1)
        module.batches_seen += 1
    return found | {f"state {name}": value for name, value in module.state_dict().items()}


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(options) for options in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)
