"""The contrastive gap on two gloo processes equals one with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.backbones.text_tower_config import TextTowerConfig
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.sampler import EpochBatchSampler
from common.distributed.reduce import rank, world_size
from papers.contrastive_gap.config import ContrastiveGapConfig
from papers.contrastive_gap.module import ContrastiveGap
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS = 3, 8, 3
GENERATOR = torch.Generator().manual_seed(SEED)
IMAGES = torch.randn(BATCH * STEPS, 1, 3, 32, 32, generator=GENERATOR, dtype=torch.float64)
IDS = torch.randint(2, 20, (BATCH * STEPS, 1, 6), generator=GENERATOR)
TEXT = TextTowerConfig(width=16, layers=1, heads=2)
CASES = [
    {"cross_uniformity_weight": 0.5},
    {"uniformity_weight": 0.0, "alignment_weight": 0.0, "fixed_scale": False, "scale": 10.0},
    # The control: the same texts are turned, whatever the number of processes.
    {"uniformity_weight": 0.0, "alignment_weight": 0.0, "start_gap": 0.5, "turning_pairs": 20},
]


def train(options: dict) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    method = ContrastiveGapConfig(backbone="tiny_conv", text=TEXT, dim=8, **options)
    facts = ImageTextFacts(num_words=20, context=6)
    module = ContrastiveGap(method, OptimizerConfig(name="adam", lr=1e-3), facts).double()
    batches = [
        PairBatch(IMAGES[k.rows], IDS[k.rows], torch.ones_like(IDS[k.rows]).bool(), None, None, k)
        for k in EpochBatchSampler(len(IDS), BATCH, SEED, rank(), world_size())
    ]
    module._trainer = SimpleNamespace(
        num_training_batches=STEPS,
        train_dataloader=batches,
        strategy=SimpleNamespace(batch_to_device=lambda batch, device: batch),
    )
    return train_as_ddp(module, batches)


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(options) for options in CASES]


@pytest.mark.distributed
def test_loss_gradient_parameters_and_rotation_are_those_of_one_process():
    whole = assert_equal_to_one_process(train_all)
    turned = [value for name, value in whole[2].items() if name.endswith("rotation")]
    assert turned and not torch.equal(turned[0], torch.eye(8, dtype=torch.float64))
