"""Checkpoint files: written whole, when, which are kept, and which one a run goes on from."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO

from common.config.files import sync_folder
from common.tracking.tracker import Reporter
from common.training.position import CheckpointError, batches_seen, read_checkpoint

NAME = "batch-{:09d}.ckpt"
PATTERN = "batch-*.ckpt"
KEEP = 2


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file in the same folder, syncs, renames.

    Lightning's default writes through the system's temporary folder and moves: killed in
    mid-move, it leaves a torn file under the final name.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes ``checkpoint`` to ``path``; raises `CheckpointError` when the disk is full."""
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
        except (OSError, RuntimeError) as error:  # torch wraps a full disk in RuntimeError
            temporary.unlink(missing_ok=True)
            raise CheckpointError(
                f"{target}: not written ({error}); earlier checkpoints are untouched. "
                f"Free some space, then: papers resume {target.parent.parent}"
            ) from None

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Reads a checkpoint as data; see `read_checkpoint`."""
        return read_checkpoint(Path(path))


def is_between_updates(trainer: Trainer, batch_idx: int) -> bool:
    """Tells whether no gradients are held after a batch, which no checkpoint has."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


class Checkpoints(Callback):
    """Writes ``batch-N.ckpt`` at epoch ends, every ``every_batches`` and at the end.

    Where gradients are accumulated, one that is due waits for the update.
    The newest two stay, so that one torn by the machine leaves another to go on from. At the start
    what was reported after the position is forgotten: a resumed run reports it again.
    """

    def __init__(
        self, folder: Path, every_epochs: int, every_batches: int | None, reporter: Reporter
    ) -> None:
        self.folder, self.every_epochs, self.every_batches = folder, every_epochs, every_batches
        self.reporter = reporter

    def save(self, trainer: Trainer, pl_module: LightningModule) -> Path:
        """Writes the checkpoint of this moment and removes what is too old."""
        self.reporter.sync()  # a checkpoint counts on the rows before it
        path = self.folder / NAME.format(batches_seen(pl_module))
        trainer.save_checkpoint(path, weights_only=False)
        if trainer.is_global_zero:
            for old in sorted(self.folder.glob(PATTERN))[:-KEEP]:
                old.unlink(missing_ok=True)
        return path

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Cuts the metrics file to the position the run starts from."""
        self.reporter.cut(batches_seen(pl_module))

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Writes one in mid-epoch; an epoch's last batch is left to the epoch's end."""
        ends_epoch = trainer.should_stop or batch_idx + 1 == trainer.num_training_batches
        may_save = is_between_updates(trainer, batch_idx) and not ends_epoch
        if may_save and self._is_due(trainer, pl_module):
            self.save(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes one every ``every_epochs`` epochs and after the last, and what is due by batch."""
        epoch = trainer.current_epoch + 1
        is_last = trainer.should_stop or epoch == trainer.max_epochs
        if is_last or epoch % self.every_epochs == 0 or self._is_due(trainer, pl_module):
            self.save(trainer, pl_module)

    def _is_due(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        """Tells whether a multiple of ``every_batches`` is among the batches of the last update."""
        every = self.every_batches
        return every is not None and batches_seen(pl_module) % every < min(
            every, trainer.accumulate_grad_batches
        )


def last_good_checkpoint(folder: Path, run_id: str | None = None) -> tuple[Path | None, list[str]]:
    """Returns the newest usable checkpoint of ``folder`` and what was wrong with newer ones.

    With ``run_id``, a checkpoint of another run is none.
    """
    problems: list[str] = []
    for path in sorted(folder.glob(PATTERN), reverse=True):
        try:
            owner = read_checkpoint(path)["likewise"].get("run_id")
        except CheckpointError as error:
            problems.append(str(error))
            continue
        if run_id in (None, owner):
            return path, problems
        problems.append(
            f"{path}: a checkpoint of run {owner}, not of {run_id}; if the folder was renamed, "
            f"name it {owner} again"
        )
    return None, problems
