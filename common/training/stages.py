"""Stages within one fit: the position alone tells which stage a batch is in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from lightning import LightningModule

from common.config.schema import OptimizerConfig
from common.errors import ConfigError
from common.optim.build import build_optimizer, training_length, with_schedule
from common.optim.schedules import TableLR, schedule_table
from common.training.position import batches_seen


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a training, of whole epochs.

    A module holds a sequence of them, its ``training_step`` begins with `enter_stage` and does
    what the stage asks for, and its ``configure_optimizers`` returns what `configure_stages` does.
    What a stage leaves for later ones is in the module's parameters and buffers, so that every
    checkpoint holds it.

    Args:
        name: Stands in the metrics, as in ``train/<name>_loss``.
        epochs: How long it is; None, of the last stage: what the others leave, perhaps nothing.
        rates: Learning rate and schedule, over the stage's own epochs. Its other fields are not
            read: the optimizer is one and the same in all stages.
        frozen: Children of the module that do not learn in this stage.
        keeps_optimizer: Whether momenta go on from the stage before; else they start anew.
        begin: Is called before the stage's first batch, and never when a run resumes within it.
    """

    name: str
    epochs: int | None = None
    rates: OptimizerConfig
    frozen: tuple[str, ...] = ()
    keeps_optimizer: bool = False
    begin: Callable[[], None] | None = None


def enter_stage(module: LightningModule, stages: Sequence[Stage]) -> Stage:
    """Returns the stage that the next batch is in, and begins it if the batch is its first one.

    Args:
        module: Where there are several stages, attached to a Trainer, which tells how many batches
            an epoch has.
        stages: All of the training.
    """
    seen = batches_seen(module)
    per_epoch = int(module.trainer.num_training_batches) if len(stages) > 1 else max(seen, 1)
    number = stage_number(stages, seen // per_epoch)
    stage = stages[number]
    freeze(module, stages, stage.frozen)
    if seen == per_epoch * first_epochs(stages)[number]:
        if number:
            leave_stage(module.trainer, stage.keeps_optimizer)
        if stage.begin is not None:
            stage.begin()
    return stage


def leave_stage(trainer: Any, keeps_optimizer: bool) -> None:
    """Forgets what the trainer holds of the stage before: momenta, and metrics it logged last."""
    trainer.callback_metrics.clear()
    if not keeps_optimizer:
        for optimizer in trainer.optimizers:
            optimizer.state.clear()


def stage_number(stages: Sequence[Stage], epoch: int) -> int:
    """Returns the place of the stage that ``epoch`` is in; epochs beyond the last are its."""
    return sum(first <= epoch for first in first_epochs(stages)) - 1


def first_epochs(stages: Sequence[Stage]) -> list[int]:
    """Returns the first epoch of each stage."""
    found = [0]
    for stage in stages[:-1]:
        assert stage.epochs is not None  # only the last stage may leave it open
        found.append(found[-1] + stage.epochs)
    return found


def freeze(module: LightningModule, stages: Sequence[Stage], names: Sequence[str]) -> None:
    """Freezes the children ``names`` of ``module``, and lets all others of the stages learn."""
    for name in {name for stage in stages for name in stage.frozen}:
        module.get_submodule(name).requires_grad_(name not in names)


def configure_stages(
    module: LightningModule, stages: Sequence[Stage], config: OptimizerConfig
) -> dict[str, Any]:
    """Returns what ``configure_optimizers`` returns: one optimizer, and all stages' rates.

    Args:
        module: Attached to a Trainer; all its parameters are given to the optimizer.
        stages: All of the training.
        config: The optimizer's settings; the rates are the stages'.

    Raises:
        ConfigError: If the training is too short for its stages.
    """
    freeze(module, stages, ())
    optimizer = build_optimizer(module.parameters(), config)
    steps, epochs = training_length(module.trainer)
    firsts = first_epochs(stages)
    if epochs < firsts[-1]:
        raise ConfigError(
            f"trainer.epochs: {epochs} are fewer than the {firsts[-1]} of the stages before "
            f"{stages[-1].name!r}"
        )
    lengths = [after - before for before, after in pairwise([*firsts, epochs])]
    tables = [
        schedule_table(stage.rates, steps, length)
        for stage, length in zip(stages, lengths, strict=True)
    ]
    table = np.concatenate(tables)
    return with_schedule(optimizer, TableLR(optimizer, table, config.lr))


def rate_stages(rates: OptimizerConfig, drops: Sequence[int], factor: float = 0.1) -> list[Stage]:
    """Returns a stage up to each of ``drops`` and a last one, each at ``factor`` times the rate.

    They differ in nothing else, so that a training needs no `enter_stage`.

    Args:
        rates: Rates of the first stage; its schedule is ``constant``.
        drops: Epochs after which the rate falls, ascending; none: one stage.
        factor: What the rate before is multiplied by.
    """
    lengths = [end - begin for begin, end in pairwise([0, *drops])]
    return [
        Stage(name=f"rate-{number}", epochs=length, rates=replace(rates, lr=rate))
        for number, length in enumerate([*lengths, None])
        for rate in [rates.lr * factor**number]
    ]
