"""WhitenedCSE on two gloo processes equals one with the whole batch (float64), in both stages."""

from types import SimpleNamespace

import pytest
import torch

from common.backbones.encoder_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.sampler import EpochBatchSampler
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.distributed.reduce import rank, world_size
from papers.whitenedcse.config import WhitenedCSEConfig
from papers.whitenedcse.module import WhitenedCSE
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS, LONGEST = 3, 8, 4, 10
GENERATOR = torch.Generator().manual_seed(SEED)
IDS = torch.randint(4, 30, (BATCH * STEPS, 1, LONGEST), generator=GENERATOR)
LENGTHS = torch.randint(4, LONGEST + 1, (BATCH * STEPS, 1, 1), generator=GENERATOR)
MASK = torch.arange(LONGEST) < LENGTHS
# Masks of dropout differ with the number of processes: without them the permutations alone set
# the views of a text apart.
ENCODER = EncoderConfig(
    dim=8, layers=2, heads=2, feed_forward=16, positions=LONGEST, token_types=0, dropout=0.0
)
CASES = [
    {},
    {"pretrain_epochs": 2, "pooler": "avg"},
    {"whitening": "zca-through", "num_views": 2},
    {"whitening": "cholesky", "objective": "alignment"},
]


def train(options: dict) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    method = WhitenedCSEConfig(encoder=ENCODER, groups=4, **options)
    facts = TextFacts(30, Special(0, 3, 1, 2, 3), LONGEST)
    module = WhitenedCSE(method, OptimizerConfig(name="adam", lr=1e-3), facts).double()
    module._trainer = SimpleNamespace(num_training_batches=1, optimizers=[], callback_metrics={})
    batches = []
    for key in EpochBatchSampler(len(IDS), BATCH, SEED, rank(), world_size()):
        ids, mask = IDS[key.rows], MASK[key.rows]
        width = int(mask.sum(2).max())  # each process pads to the longest of its own
        own = ids[..., :width] * mask[..., :width]
        batches.append(TextBatch(own, mask[..., :width], torch.full((len(own),), -1), key))
    return train_as_ddp(module, batches)


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(options) for options in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)


def test_each_stage_moves_the_part_that_is_its_own():
    found = train(CASES[1])
    assert {"1.grad.words.head.weight", "2.grad.backbone.embeddings.LayerNorm.weight"} <= set(found)
    assert "2.grad.words.head.weight" not in found
