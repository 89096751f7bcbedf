"""When checkpoints are written, and which are kept."""

from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from common.callbacks.metrics_log import Reporter
from common.checkpoints.io import NAME, PATTERN
from common.training.position import batches_seen

KEEP = 2


class Checkpoints(Callback):
    """Writes ``batch-N.ckpt`` at epoch ends, every ``every_batches`` and at the end.

    The newest two stay, so that one torn by the machine leaves another to go on from.
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
        if self._is_due(pl_module) and not ends_epoch:
            self.save(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes one every ``every_epochs`` epochs and after the last, and what is due by batch."""
        epoch = trainer.current_epoch + 1
        is_last = trainer.should_stop or epoch == trainer.max_epochs
        if is_last or epoch % self.every_epochs == 0 or self._is_due(pl_module):
            self.save(trainer, pl_module)

    def _is_due(self, pl_module: LightningModule) -> bool:
        return self.every_batches is not None and batches_seen(pl_module) % self.every_batches == 0
