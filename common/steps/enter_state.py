"""A checkpoint of the first steps made into one of another moment."""

import zlib
from typing import Any

import torch
from lightning import Trainer
from torch import Tensor

from common.steps.points import Counts, Place, Point

# How far a parameter is moved, as a share of its tensor's root mean square.
SHIFT = 0.1


def enter(checkpoint: dict[str, Any], point: Point, counts: Counts, trainer: Trainer) -> None:
    """Turns ``checkpoint`` into one that a resumed run would go on from at ``point``, in place.

    Args:
        checkpoint: Written after the first steps.
        point: Where to go on.
        counts: How many batches and epochs the training has.
        trainer: Trainer of the first steps: its schedules are read, and moved.
    """
    place = counts.place(point.batch)
    state = checkpoint["state_dict"]
    parameters = {name for name, _ in trainer.lightning_module.named_parameters()}
    perturb_state(state, parameters)
    if point.fill is not None:
        point.fill(state, named_generator(point.name))
    state["batches_seen"].fill_(place.batch)
    if "updates" in state:
        state["updates"].fill_(place.update)
    checkpoint["likewise"]["batches_seen"] = place.batch
    _set_schedules(checkpoint, place, trainer)
    _set_loops(checkpoint, place, counts)


def perturb_state(state: dict[str, Tensor], parameters: set[str]) -> None:
    """Moves all that is no whole number of ``state``, each tensor by draws of its own, in place."""
    for name, tensor in state.items():
        if tensor.is_floating_point():
            _perturb(tensor, named_generator(name), name in parameters)


def named_generator(name: str) -> torch.Generator:
    """Returns a generator seeded by ``name``."""
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))


def _perturb(tensor: Tensor, generator: torch.Generator, is_parameter: bool) -> None:
    """Moves a parameter anywhere; a buffer keeps its signs and zeros, as a variance must."""
    noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
    if is_parameter:
        size = tensor.square().mean().sqrt() if tensor.numel() else 0.0
        tensor.add_(noise * SHIFT * (size or SHIFT))
    else:
        tensor.mul_((SHIFT * noise).exp())


def _set_schedules(checkpoint: dict[str, Any], place: Place, trainer: Trainer) -> None:
    for config, state in zip(
        trainer.lr_scheduler_configs, checkpoint["lr_schedulers"], strict=True
    ):
        scheduler = config.scheduler
        scheduler.last_epoch = place.update
        state.update(last_epoch=place.update, _step_count=place.update + 1)
        number = trainer.optimizers.index(scheduler.optimizer)
        groups = checkpoint["optimizer_states"][number]["param_groups"]
        for group, rate in zip(groups, scheduler.get_lr(), strict=True):
            group["lr"] = rate


def _set_loops(checkpoint: dict[str, Any], place: Place, counts: Counts) -> None:
    """Writes Lightning's counters: as after a batch within an epoch, or as at an epoch's end."""
    rest, loop = place.batch % counts.per_epoch, checkpoint["loops"]["fit_loop"]
    epoch, batches = loop["epoch_progress"], loop["epoch_loop.batch_progress"]
    if rest:
        _count(epoch, place.epoch + 1, processed=place.epoch, completed=place.epoch)
        _count(batches, place.batch, completed=place.batch - 1)
        _count(batches, rest, completed=rest - 1, parts=("current",))
    else:
        _count(epoch, place.epoch, completed=place.epoch - 1)
        _count(batches, place.batch)
        _count(batches, counts.per_epoch, parts=("current",))
    batches["is_last_batch"] = not rest
    checkpoint["epoch"] = place.epoch if rest else place.epoch - 1


def _count(
    progress: dict[str, Any],
    ready: int,
    processed: int | None = None,
    completed: int | None = None,
    parts: tuple[str, ...] = ("total", "current"),
) -> None:
    for part in parts:
        values = {
            "ready": ready,
            "started": ready,
            "processed": ready if processed is None else processed,
            "completed": ready if completed is None else completed,
        }
        progress[part].update(values)
