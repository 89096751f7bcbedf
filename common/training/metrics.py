"""What the module logs and the mean loss of each epoch, on the module's own batch count."""

import math
from collections.abc import Callable
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from common.errors import LikewiseError
from common.training.position import batches_seen

EPOCH_LOSS = "train/epoch_loss"


class MetricsLog(Callback):
    """Reports step metrics every ``log_every`` batches and the mean loss of each epoch.

    The running mean is kept in the checkpoint. A loss that is not finite stops the run before
    anything after it is saved.

    Args:
        report: Takes batch, epoch and values.
        log_every: Batches.
    """

    def __init__(
        self, report: Callable[[int, int, dict[str, float]], None], log_every: int
    ) -> None:
        self.report, self.log_every = report, log_every
        # The mean loss of the newest epoch that has ended.
        self.epoch_loss: float | None = None
        self._sum: torch.Tensor | float = 0.0
        self._count = 0

    def state_dict(self) -> dict[str, Any]:
        """Returns the running epoch mean and the last one."""
        return {"sum": float(self._sum), "count": self._count, "epoch_loss": self.epoch_loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores them; checkpoints of earlier versions lack the last one."""
        self._sum, self._count = state_dict["sum"], state_dict["count"]
        self.epoch_loss = state_dict.get("epoch_loss")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Accumulates the loss and, every ``log_every`` batches, reports what was logged."""
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
            self.report(seen, trainer.current_epoch, metrics)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reports the epoch's mean loss."""
        seen, mean = batches_seen(pl_module), float(self._sum) / max(self._count, 1)
        if trainer.world_size > 1:
            mean = float(trainer.strategy.reduce(torch.tensor(mean), reduce_op="mean"))
        _require_finite(mean, seen)
        self.report(seen, trainer.current_epoch, {EPOCH_LOSS: mean})
        self.epoch_loss, self._sum, self._count = mean, 0.0, 0


def _require_finite(loss: float, seen: int) -> None:
    if not math.isfinite(loss):
        raise LikewiseError(
            f"train/loss is {loss} at batch {seen}: lower optimizer.lr; the last checkpoint is of "
            "before"
        )
