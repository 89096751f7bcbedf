"""A part of a method that acts from an epoch on."""

from types import SimpleNamespace

import pytest
import torch
from lightning import LightningModule

from common.training.epochs import epoch_reached


class Counted(LightningModule):
    def __init__(self, batches: int) -> None:
        super().__init__()
        self.register_buffer("batches_seen", torch.tensor(batches))


@pytest.mark.parametrize(("batches", "reached"), [(0, False), (13, False), (14, True), (15, True)])
def test_an_epoch_is_reached_with_its_first_batch(batches: int, reached: bool) -> None:
    module = Counted(batches)
    assert epoch_reached(module, 2), "without a Trainer"
    module._trainer = SimpleNamespace(num_training_batches=7)
    assert epoch_reached(module, 2) == reached
    assert epoch_reached(module, 0)
