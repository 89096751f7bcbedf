"""A step that a module takes itself, with and without a trainer."""

import torch
from lightning import LightningModule
from torch import nn

from common.optim.manual import descend
from tests.training import quiet_trainer


class Two(LightningModule):
    """Two weights; only ``first`` is optimized, the loss reaches both."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.first = nn.Parameter(torch.tensor(1.0))
        self.second = nn.Parameter(torch.tensor(10.0))

    def training_step(self, batch, batch_idx):
        """Steps on first * second."""
        return descend(self, self.first * self.second, self.optimizers())

    def configure_optimizers(self):
        """Plain descent."""
        return torch.optim.SGD([self.first], lr=0.125)


def test_one_step_follows_the_gradient_and_gives_the_value():
    module = Two()
    loss = descend(module, module.first * module.second, module.configure_optimizers())
    assert (module.first.item(), module.second.item(), loss.item()) == (-0.25, 10.0, 10.0)
    assert not loss.requires_grad


def test_gradients_left_by_another_part_are_cleared_too():
    module = Two()
    module.first.grad = torch.tensor(5.0)
    module.second.grad = torch.tensor(7.0)
    descend(module, module.first * module.second, module.configure_optimizers())
    assert (module.first.item(), module.second.grad.item()) == (-0.25, 1.0)


def test_a_trainer_counts_the_step():
    module = Two()
    trainer = quiet_trainer(max_epochs=2)
    trainer.fit(module, [0])
    assert module.first.item() == -1.5
    assert trainer.global_step == 2
