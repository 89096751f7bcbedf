"""NegCLIP on two gloo processes equals one with the whole batch (float64), and plain CLIP, too."""

from types import SimpleNamespace

import pytest
import torch

from common.backbones.text_tower_config import TextTowerConfig
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.sampler import EpochBatchSampler
from common.distributed.reduce import rank, world_size
from common.methods.clip import CLIP
from common.methods.two_tower_config import CLIPConfig
from papers.negclip.config import NegCLIPConfig
from papers.negclip.module import NegCLIP
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS, LONGEST = 3, 8, 4, 9
GENERATOR = torch.Generator().manual_seed(SEED)
ROWS = BATCH * STEPS
IMAGES = torch.rand(ROWS, 1, 3, 32, 32, generator=GENERATOR, dtype=torch.float64)
IDS = torch.randint(3, 30, (ROWS, 2, LONGEST), generator=GENERATOR)
MASK = torch.arange(LONGEST) < torch.randint(3, LONGEST + 1, (ROWS, 2, 1), generator=GENERATOR)
FACTS = ImageTextFacts(num_words=30, eot=1, context=LONGEST)
TEXT = TextTowerConfig(width=16, layers=1, heads=2)
SMALL = {"backbone": "tiny_conv", "stem": "cifar", "text": TEXT, "dim": 8}
CASES = [
    (NegCLIP, NegCLIPConfig(**SMALL), True),
    (CLIP, CLIPConfig(**SMALL, label_smoothing=0.1, image_weight=0.3), False),
]


def train(kind, method, hard: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    module = kind(method, OptimizerConfig(name="adam", lr=1e-3), FACTS).double()
    module._trainer = SimpleNamespace(num_training_batches=1, optimizers=[], callback_metrics={})
    batches = []
    for key in EpochBatchSampler(ROWS, BATCH, SEED, rank(), world_size()):
        ids, mask = IDS[key.rows], MASK[key.rows]
        width = int(mask.sum(2).max())  # each process pads to the longest of its own
        ids, mask = (ids * mask)[..., :width], mask[..., :width]
        extra = (ids[:, 1], mask[:, 1]) if hard else (None, None)
        batches.append(PairBatch(IMAGES[key.rows], ids[:, :1], mask[:, :1], *extra, key))
    return train_as_ddp(module, batches)


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(*case) for case in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)
