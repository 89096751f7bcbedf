"""The ``optimizer:`` section made into an optimizer and its schedule."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from common.config.schema import OptimizerConfig
from common.errors import ConfigError
from common.optim.lars import LARC, LARS
from common.optim.schedules import build_scheduler

LAYERWISE = {"larc": LARC, "lars": LARS}


def parameter_groups(
    parameters: Iterable[Parameter], weight_decay: float, exclude_1d: bool
) -> list[dict[str, Any]]:
    """Splits ``parameters`` into those with decay and, if excluded, biases and norms without.

    Parameters that need no gradient are left out. The second group, of tensors of at most one
    dimension, has ``weight_decay`` 0 and ``adapt`` False (read by `LARC` and `LARS`).
    """
    trained = [p for p in parameters if p.requires_grad]
    if not exclude_1d:
        return [{"params": trained, "weight_decay": weight_decay}]
    matrices = [p for p in trained if p.ndim > 1]
    vectors = [p for p in trained if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": matrices, "weight_decay": weight_decay}]
    if vectors:
        groups.append({"params": vectors, "weight_decay": 0.0, "adapt": False})
    return groups


def build_optimizer(parameters: Iterable[Parameter], config: OptimizerConfig) -> Optimizer:
    """Returns the optimizer that ``config`` names over ``parameters``.

    Raises:
        ConfigError: ``nesterov`` where there is no momentum to look ahead along.
    """
    groups = parameter_groups(parameters, config.weight_decay, config.exclude_1d)
    if config.name in ("adam", "adamw"):
        if config.nesterov:
            raise ConfigError(f"optimizer.nesterov: {config.name} has none; set it to false")
        kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
        return kind(groups, lr=config.lr, betas=(config.beta1, config.beta2))
    if config.nesterov and config.momentum == 0:
        raise ConfigError("optimizer.nesterov: needs optimizer.momentum above 0")
    momentum, nesterov = config.momentum, config.nesterov
    sgd: dict[str, Any] = {"lr": config.lr, "momentum": momentum, "nesterov": nesterov}
    if config.name == "sgd":
        return torch.optim.SGD(groups, **sgd)
    return LAYERWISE[config.name](
        groups,
        **sgd,
        trust_coefficient=config.trust_coefficient,
        clip=config.clip,
        eps=config.trust_eps,
    )


def configure(
    parameters: Iterable[Parameter], config: OptimizerConfig, trainer: Any
) -> dict[str, Any]:
    """Returns what ``LightningModule.configure_optimizers`` returns: optimizer and schedule.

    The schedule advances at each optimizer step, so accumulation shortens its table.

    Raises:
        ConfigError: A training without end, or one that is shorter than its warm-up.
    """
    optimizer = build_optimizer(parameters, config)
    return with_schedule(optimizer, build_scheduler(optimizer, config, *training_length(trainer)))


def training_length(trainer: Any) -> tuple[int, int]:
    """Returns the optimizer steps of an epoch and the epochs; all steps and 1 if max_steps ends it.

    The steps of an epoch are fewer than its batches where gradients are accumulated.

    Raises:
        ConfigError: A training without end.
    """
    total = trainer.estimated_stepping_batches  # reading it makes Lightning set up the loader
    if math.isinf(total):
        raise ConfigError("trainer: a training without end has no schedule; give max_steps")
    epochs = max(trainer.max_epochs or 1, 1)
    steps_per_epoch = -(-trainer.num_training_batches // trainer.accumulate_grad_batches)
    if steps_per_epoch * epochs != total:
        return int(total), 1
    return int(steps_per_epoch), epochs


def with_schedule(optimizer: Optimizer, scheduler: LRScheduler) -> dict[str, Any]:
    """Returns them as Lightning takes them, the schedule advancing at each optimizer step."""
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
    }
