"""DefSent+ and DefSent on two gloo processes equal one with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.backbones.encoder_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.sampler import EpochBatchSampler
from common.data.text.batch import TextBatch
from common.data.text.config import Special, TextFacts
from common.distributed.reduce import rank, world_size
from papers.defsent_plus.config import DefSentConfig, DefSentPlusConfig
from papers.defsent_plus.defsent import DefSent
from papers.defsent_plus.module import DefSentPlus
from tests.gloo import assert_equal_to_one_process
from tests.training import train_as_ddp

SEED, BATCH, STEPS, LONGEST, ENTRIES = 3, 8, 4, 10, 12
GENERATOR = torch.Generator().manual_seed(SEED)
IDS = torch.randint(4, 30, (BATCH * STEPS, 1, LONGEST), generator=GENERATOR)
LENGTHS = torch.randint(4, LONGEST + 1, (BATCH * STEPS, 1, 1), generator=GENERATOR)
MASK = torch.arange(LONGEST) < LENGTHS
OWNERS = torch.arange(BATCH * STEPS) % ENTRIES
# Masks of dropout differ with the number of processes.
ENCODER = EncoderConfig(
    dim=8, layers=2, heads=2, feed_forward=16, positions=LONGEST, token_types=0, dropout=0.0
)
FACTS = TextFacts(30, Special(0, 3, 1, 2, 3), LONGEST, 1, ENTRIES)
RATES = OptimizerConfig(name="adam", lr=1e-3)


def make_batches() -> list[TextBatch]:
    batches = []
    for key in EpochBatchSampler(len(IDS), BATCH, SEED, rank(), world_size()):
        ids, mask = IDS[key.rows], MASK[key.rows]
        width = int(mask.sum(2).max())  # each process pads to the longest of its own
        own = ids[..., :width] * mask[..., :width]
        batches.append(TextBatch(own, mask[..., :width], OWNERS[key.rows], key))
    return batches


def train_rounds(**options) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    method = DefSentPlusConfig(encoder=ENCODER, **options)
    module = DefSentPlus(method, RATES, FACTS).double()
    batches = make_batches()
    # An epoch of two batches: the second round begins with the third.
    module._trainer = SimpleNamespace(
        num_training_batches=2,
        optimizers=[],
        callback_metrics={},
        train_dataloader=batches,
        strategy=SimpleNamespace(batch_to_device=lambda batch, _: batch),
    )
    return train_as_ddp(module, batches)


def train_words() -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    module = DefSent(DefSentConfig(encoder=ENCODER, pooler="max"), RATES, FACTS).double()
    # Entries of several words: how many there are differs between the shares of a batch.
    module.words.copy_(torch.tensor([5, -100, 7, -100, -100, 9] * 2))
    return train_as_ddp(module, make_batches())


def train_all() -> list[dict[str, torch.Tensor]]:
    return [
        train_rounds(rounds=2),
        train_rounds(rounds=2, restart=False, pooler="avg", space="zca"),
        train_rounds(targets="random", activation="gelu"),
        train_words(),
    ]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert_equal_to_one_process(train_all)


def test_the_second_round_has_entries_of_its_own():
    first, second = train_rounds(rounds=1), train_rounds(rounds=2)
    assert not torch.equal(first["state.entries"], second["state.entries"])
