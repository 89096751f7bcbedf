"""Momentum networks that follow after each update, by a momentum that rises on a cosine."""

from typing import Any

import torch
from torch import Tensor

from common.optim.ema import cosine_momentum
from common.training.paper_module import PaperModule


class MomentumModule(PaperModule):
    """A module whose `follow` moves its momentum networks, from ``method.momentum`` up to 1."""

    updates: Tensor
    method: Any

    def count_updates(self) -> None:
        """Registers the count of optimizer updates: the momentum's position on its cosine."""
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.total_updates = 1

    def follow(self, momentum: float) -> None:
        """Moves the momentum networks, which a subclass names, towards the trained ones."""
        raise NotImplementedError

    def on_train_start(self) -> None:
        """Reads the length of the momentum's cosine, a function of the recipe."""
        self.total_updates = int(self.trainer.estimated_stepping_batches)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Takes the step; then the momentum networks follow, before their next forward pass."""
        super().optimizer_step(*args, **kwargs)
        self.updates += 1
        base, updates = self.method.momentum, int(self.updates)
        self.follow(cosine_momentum(base, updates, self.total_updates))
