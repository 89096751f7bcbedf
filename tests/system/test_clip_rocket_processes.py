"""CLIP-rocket and its additions on two gloo processes equal one process (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.backbones.text_tower_config import TextTowerConfig
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.sampler import EpochBatchSampler
from common.distributed.reduce import rank, world_size
from papers.clip_rocket.config import (
    ADDITIONS,
    AgreementConfig,
    BarLIPConfig,
    ClipRocketConfig,
    SwALIPConfig,
)
from papers.clip_rocket.module import ClipRocket
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS, LONGEST = 3, 8, 3, 7
GENERATOR = torch.Generator().manual_seed(SEED)
IMAGES = torch.randn(BATCH * STEPS, 3, 3, 32, 32, generator=GENERATOR, dtype=torch.float64)
IDS = torch.randint(3, 30, (BATCH * STEPS, 3, LONGEST), generator=GENERATOR)
LENGTHS = torch.randint(3, LONGEST + 1, (BATCH * STEPS, 3, 1), generator=GENERATOR)
FACTS = ImageTextFacts(num_words=30, pad=0, eot=1, unknown=2, context=LONGEST)


def make_module(addition: str) -> ClipRocket:
    torch.manual_seed(SEED)
    alone = addition == "swalip-v1"
    method = ClipRocketConfig(
        backbone="tiny_conv",
        text=TextTowerConfig(width=8, layers=1, heads=2),
        dim=6,
        separate_projectors=not alone,
        separate_heads=addition == "siamlip",
        projector_dim=8,
        # Masks of dropout differ with the number of processes.
        text_dropout=0.0,
        label_smoothing=0.0 if addition == "swalip" else 0.1,
        addition=addition,
        barlip=BarLIPConfig(hidden_dim=8, output_dim=10),
        agreement=AgreementConfig(hidden_dim=8, output_dim=6, momentum=0.9),
        swalip=SwALIPConfig(num_prototypes=5, freeze_batches=1, momentum_codes=alone),
    )
    # Adam would divide the shift of BarLIP's last batch norm, whose gradient starts as rounding.
    optimizer = OptimizerConfig(name="sgd", lr=0.02)
    module = ClipRocket(method, optimizer, FACTS).double()
    module._trainer = SimpleNamespace(num_training_batches=STEPS)
    return module


def train(addition: str) -> dict[str, torch.Tensor]:
    views, batches = 1 if addition == "swalip-v1" else 3, []
    for key in EpochBatchSampler(len(IDS), BATCH, SEED, rank(), world_size()):
        lengths = LENGTHS[key.rows, :views]
        width = int(lengths.max())  # each process pads to the longest of its own
        places = torch.arange(width)
        ids = IDS[key.rows, :views, :width].where(places != lengths - 1, FACTS.eot)
        mask = places < lengths
        batches.append(PairBatch(IMAGES[key.rows, :views], ids * mask, mask, None, None, key))
    return train_as_ddp(make_module(addition), batches)


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(addition) for addition in ADDITIONS]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    found = dict(zip(ADDITIONS, assert_equal_to_one_process(train_all), strict=True))
    assert "2.grad.strong_log_scale" in found["none"]
    assert "2.grad.predictors.strong.image.0.weight" in found["siamlip"]
    assert "0.grad.prototypes.weight" not in found["swalip-v1"]
    assert "2.grad.prototypes.weight" in found["swalip-v1"]
    losses = [float(each["loss2"]) for name, each in found.items() if name != "swalip-v1"]
    assert len(set(losses)) == len(losses), "each addition takes part in what is compared"
