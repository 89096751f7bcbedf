"""Metrics to the run folder and the tracker, on the module's own batch count."""

import math
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from common.errors import LikewiseError
from common.tracking.metrics_file import MetricsFile
from common.tracking.wandb_run import Tracker
from common.training.position import batches_seen


class Reporter:
    """Sends metrics to ``metrics.csv`` and the tracker; does nothing on other processes."""

    def __init__(self, files: MetricsFile | None, tracker: Tracker | None) -> None:
        self.files, self.tracker = files, tracker
        # The newest value of each key, on every process: what early stopping goes by.
        self.latest: dict[str, float] = {}

    def report(self, batch: int, epoch: int, metrics: dict[str, float]) -> None:
        """Writes ``metrics`` of the moment after ``batch`` batches."""
        self.latest.update(metrics)
        if self.files is not None and metrics:
            self.files.write(batch, epoch, metrics)
        if self.tracker is not None and metrics:
            self.tracker.log(batch, metrics)

    def cut(self, batch: int) -> None:
        """Forgets what was written after ``batch``: a resumed run writes it again."""
        if self.files is not None:
            self.files.cut(batch)

    def sync(self) -> None:
        """Forces what was written to the disk."""
        if self.files is not None:
            self.files.sync()


class MetricsLog(Callback):
    """Writes step metrics every ``log_every`` batches and the mean loss of each epoch.

    The running mean is kept in the checkpoint. A loss that is not finite stops the run before
    anything after it is saved.
    """

    def __init__(self, reporter: Reporter, log_every: int) -> None:
        self.reporter, self.log_every = reporter, log_every
        self._sum: torch.Tensor | float = 0.0
        self._count = 0

    def state_dict(self) -> dict[str, Any]:
        """Returns the running epoch mean."""
        return {"sum": float(self._sum), "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the running epoch mean."""
        self._sum, self._count = state_dict["sum"], state_dict["count"]

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
        """Accumulates the loss and, every ``log_every`` batches, writes what was logged."""
        seen = batches_seen(pl_module)
        loss = outputs["loss"]
        # On a GPU reading the loss waits for the device, so it is looked at when it is logged.
        if loss.device.type == "cpu" or seen % self.log_every == 0:
            _require_finite(float(loss), seen)
        self._sum = self._sum + loss.double()
        self._count += 1
        if seen % self.log_every == 0:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            for index, optimizer in enumerate(trainer.optimizers):
                suffix = f"_{index}" if len(trainer.optimizers) > 1 else ""
                metrics[f"train/lr{suffix}"] = optimizer.param_groups[0]["lr"]
            self.reporter.report(seen, trainer.current_epoch, metrics)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the epoch's mean loss."""
        seen, mean = batches_seen(pl_module), float(self._sum) / max(self._count, 1)
        if trainer.world_size > 1:
            mean = float(trainer.strategy.reduce(torch.tensor(mean), reduce_op="mean"))
        _require_finite(mean, seen)
        self.reporter.report(seen, trainer.current_epoch, {"train/epoch_loss": mean})
        self._sum, self._count = 0.0, 0


def _require_finite(loss: float, seen: int) -> None:
    if not math.isfinite(loss):
        raise LikewiseError(
            f"train/loss is {loss} at batch {seen}: training stopped; the last checkpoint, "
            "written while it was finite, is kept. Lower optimizer.lr or raise method.temperature"
        )
