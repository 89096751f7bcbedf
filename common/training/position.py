"""Where a run stands: batches seen and the random states, in every checkpoint."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from common.distributed.device import WHOLE_NUMBER
from common.errors import DataError, LikewiseError, UsageError

VERSION = 2
# Where a checkpoint holds the position; a run adds there which run and code wrote it.
KEY = "likewise"


def batches_seen(module: LightningModule) -> int:
    """Returns the module's position; every paper's module counts it in a buffer of that name."""
    return WHOLE_NUMBER.get(module.get_buffer("batches_seen"))


def count_batch(module: LightningModule) -> None:
    """Adds one to the module's position, at the end of its step.

    Unlike ``batches_seen += 1`` it leaves the new count known to `batches_seen`, which then need
    not wait for the device.
    """
    buffer = module.get_buffer("batches_seen")
    count = WHOLE_NUMBER.get(buffer) + 1
    buffer += 1
    WHOLE_NUMBER.set(buffer, count)


def random_states() -> dict[str, Any]:
    """Returns the states of Python, numpy and torch (all devices) as plain data."""
    version, internal, gauss = random.getstate()
    kind, keys, place, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - the global one
    return {
        "python": [version, list(internal), gauss],
        "numpy": [kind, [int(key) for key in keys], place, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Restores what `random_states` returned."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, place, has_gauss, cached = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), place, has_gauss, cached))  # noqa: NPY002 - the global one
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])


class Position(Callback):
    """Saves and restores a run's position, so that a resumed run equals an uninterrupted one.

    The random states are set at the first batch after loading, not before: everything
    Lightning does in between may draw without consequence.
    """

    def __init__(self) -> None:
        self._pending: dict[str, Any] | None = None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the position; each process's random states travel in the one file."""
        states = [random_states()]
        if trainer.world_size > 1:
            gathered: list[Any] = [None] * trainer.world_size
            torch.distributed.all_gather_object(gathered, states[0])
            states = gathered
        checkpoint[KEY] = {
            "version": VERSION,
            # Attached when fitting starts: the type of Trainer does not know it.
            "data_hash": trainer.datamodule.fingerprint,  # type: ignore[attr-defined]
            "batches_seen": batches_seen(pl_module),
            "random_states": states,
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Seeks the data to the position and keeps the random states for the first batch.

        Raises:
            UsageError: If the checkpoint is of another version of this code.
            DataError: If the data are not those that the run began with.
        """
        position = checkpoint[KEY]
        if position["version"] != VERSION:
            raise UsageError(
                f"checkpoints: version {position['version']}, this code resumes {VERSION}; resume "
                "with the code that began the run"
            )
        # Attached when fitting starts: the type of Trainer does not know it.
        now = trainer.datamodule.fingerprint  # type: ignore[attr-defined]
        if position["data_hash"] != now:
            raise DataError(
                f"data: their hash was {position['data_hash']} when this run began, and is {now} "
                "now; put the first ones back, or start anew"
            )
        trainer.datamodule.seek(position["batches_seen"])  # type: ignore[attr-defined]
        states = position["random_states"]
        # Resumed on another number of processes: there is no state to go on with.
        self._pending = states[trainer.global_rank] if len(states) == trainer.world_size else None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives each process random numbers of its own, once all have built equal weights."""
        if trainer.global_rank > 0:
            torch.manual_seed(torch.initial_seed() + trainer.global_rank)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restores the random states once."""
        if self._pending is not None:
            set_random_states(self._pending)
            self._pending = None


class CheckpointError(LikewiseError):
    """A checkpoint that cannot be written or read."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Returns the checkpoint at ``path``, on the CPU.

    Raises:
        CheckpointError: If the file is missing, truncated, tries to run code, or is not ours.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a broken or unsafe file
        raise CheckpointError(f"{path}: not a whole checkpoint of plain tensors") from error
    if not isinstance(checkpoint, dict) or "likewise" not in checkpoint:
        raise CheckpointError(f"{path}: a checkpoint of another program (it lacks our position)")
    return checkpoint


def epoch_reached(module: LightningModule, epoch: int) -> bool:
    """Tells whether the next batch is in ``epoch``, counted from 0, or later.

    Without a Trainer nobody counts epochs: every one is reached.
    """
    if not epoch or module._trainer is None:
        return True
    return batches_seen(module) >= epoch * module.trainer.num_training_batches
