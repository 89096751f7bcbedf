"""Learning rates as tables: one value an optimizer step, known before training starts."""

from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from common.config.schema import OptimizerConfig
from common.errors import ConfigError


def warmup_cosine(
    base_lr: float,
    final_lr: float,
    steps_per_epoch: int,
    epochs: int,
    warmup_epochs: int = 0,
    start_lr: float = 0.0,
    peak_once: bool = False,
) -> np.ndarray:
    """Returns the table of a linear warm-up followed by a half cosine (SwAV, section 3.6).

    The warm-up includes both its ends, so that ``base_lr`` stands twice in a row (last warm-up
    step, first cosine step), unless ``peak_once`` (PixPro); the cosine stops one step short of
    ``final_lr``. Shape: ``(steps_per_epoch * epochs,)``.
    """
    warmup_steps = steps_per_epoch * warmup_epochs
    warmup = np.linspace(start_lr, base_lr, warmup_steps, endpoint=not peak_once)
    length = steps_per_epoch * (epochs - warmup_epochs)
    progress = np.arange(length) / max(length, 1)
    cosine = final_lr + (base_lr - final_lr) / 2 * (1 + np.cos(np.pi * progress))
    return np.concatenate([warmup, cosine])


def warmup_linear(
    base_lr: float,
    final_lr: float,
    steps_per_epoch: int,
    epochs: int,
    warmup_epochs: int = 0,
    start_lr: float = 0.0,
) -> np.ndarray:
    """Returns the table of a linear warm-up followed by a straight line towards ``final_lr``.

    Without a warm-up it is the default of Hugging Face's Trainer: it stops one step short of
    ``final_lr``. Shape: ``(steps_per_epoch * epochs,)``.
    """
    warmup = np.linspace(start_lr, base_lr, steps_per_epoch * warmup_epochs, endpoint=False)
    length = steps_per_epoch * (epochs - warmup_epochs)
    progress = np.arange(length) / max(length, 1)
    return np.concatenate([warmup, base_lr + (final_lr - base_lr) * progress])


def warmup_constant(
    base_lr: float, steps_per_epoch: int, epochs: int, warmup_epochs: int, start_lr: float
) -> np.ndarray:
    """Returns the table of a linear warm-up followed by ``base_lr``."""
    warmup = np.linspace(start_lr, base_lr, steps_per_epoch * warmup_epochs)
    return np.concatenate([warmup, np.full(steps_per_epoch * (epochs - warmup_epochs), base_lr)])


class TableLR(LRScheduler):
    """Sets each group's rate to ``table[step]``, in proportion to the group's own initial rate.

    Beyond the table's end the last value stays. A checkpoint holds the position only: the table
    is a function of the recipe.
    """

    def __init__(self, optimizer: Optimizer, table: np.ndarray, base_lr: float) -> None:
        self.table, self.base_lr = table, base_lr
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Returns the rates of the current step, one a group."""
        value = float(self.table[min(self.last_epoch, len(self.table) - 1)])
        # A group at the common rate gets the table's value itself, not a rounded product.
        return [
            value if lr == self.base_lr else value * float(lr) / self.base_lr
            for lr in self.base_lrs
        ]

    def state_dict(self) -> dict[str, Any]:
        """Returns the position, without the table."""
        return {"last_epoch": self.last_epoch, "_step_count": self._step_count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes to the stored position; the optimizer's own state holds the current rates."""
        self.__dict__.update(state_dict)
        self._last_lr = self.get_lr()


def build_scheduler(
    optimizer: Optimizer, config: OptimizerConfig, steps_per_epoch: int, epochs: int
) -> TableLR:
    """Returns the schedule of ``config``, to be advanced at each optimizer step.

    Raises:
        ConfigError: If the warm-up is longer than the training.
    """
    table = schedule_table(config, steps_per_epoch, epochs)
    if len(table) == 0:
        table = np.array([config.lr])
    return TableLR(optimizer, table, config.lr)


def schedule_table(config: OptimizerConfig, steps_per_epoch: int, epochs: int) -> np.ndarray:
    """Returns the rates of ``config``, ``(steps_per_epoch * epochs,)``.

    Raises:
        ConfigError: If the warm-up is longer than the training.
    """
    if config.warmup_epochs > epochs > 0:
        raise ConfigError(
            f"optimizer.warmup_epochs: {config.warmup_epochs} exceeds the {epochs} epochs of the "
            "training; lower it or raise trainer.epochs"
        )
    start, warmup = config.warmup_start_lr, config.warmup_epochs
    if config.schedule == "cosine":
        return warmup_cosine(
            config.lr, config.final_lr, steps_per_epoch, epochs, warmup, start, config.peak_once
        )
    if config.schedule == "linear":
        return warmup_linear(config.lr, config.final_lr, steps_per_epoch, epochs, warmup, start)
    table = warmup_constant(config.lr, steps_per_epoch, epochs, warmup, start)
    if config.schedule == "steps":
        drops = np.arange(len(table)) // (steps_per_epoch * config.step_epochs)
        table = table * config.step_factor**drops
    return table
