"""DSE on two gloo processes equals one with the whole batch (float64), in both its stages."""

from types import SimpleNamespace

import pytest
import torch

from common.backbones.encoder_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.sampler import EpochBatchSampler
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.distributed.reduce import rank, world_size
from papers.dse.config import DSEConfig
from papers.dse.module import DSE
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS, LONGEST = 3, 8, 4, 10
GENERATOR = torch.Generator().manual_seed(SEED)
IDS = torch.randint(4, 30, (BATCH * STEPS, 2, LONGEST), generator=GENERATOR)
LENGTHS = torch.randint(4, LONGEST + 1, (BATCH * STEPS, 2, 1), generator=GENERATOR)
MASK = torch.arange(LONGEST) < LENGTHS
SCORES = torch.rand(BATCH * STEPS, generator=GENERATOR, dtype=torch.float64)
# Masks of dropout differ with the number of processes.
ENCODER = EncoderConfig(dim=8, layers=2, heads=2, feed_forward=16, positions=24, dropout=0.0)
CASES = [
    {"teacher": "trained", "teacher_epochs": 2},
    {"teacher": "ideal", "pooler": "mean_top_max_with_cls", "features": "dot"},
    {"teacher": "trained", "teacher_epochs": 1, "task": "regression"},
]


def train(options: dict) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    method = DSEConfig(encoder=ENCODER, num_top=2, fc_dims=[6, 1], **options)
    facts = TextFacts(30, Special(0, 3, 1, 2, 3), LONGEST, num_texts=2)
    module = DSE(method, OptimizerConfig(name="adam", lr=1e-3), facts).double()
    module._trainer = SimpleNamespace(num_training_batches=1, optimizers=[], callback_metrics={})
    batches = []
    for key in EpochBatchSampler(len(IDS), BATCH, SEED, rank(), world_size()):
        ids, mask = IDS[key.rows], MASK[key.rows]
        width = int(mask.sum(2).max())  # each process pads to the longest of its own
        own = ids[..., :width] * mask[..., :width]
        batches.append(TextBatch(own, mask[..., :width], SCORES[key.rows], key))
    return train_as_ddp(module, batches)


def train_all() -> list[dict[str, torch.Tensor]]:
    return [train(options) for options in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)


def test_each_stage_moves_the_part_that_is_its_own():
    found = train(CASES[0])
    assert {"1.grad.teacher.classifier.weight", "2.grad.head.layers.0.weight"} <= set(found)
    assert "2.grad.teacher.classifier.weight" not in found
