"""Ends a run early, always after a whole batch and with a checkpoint to go on from."""

import signal
import time
from collections.abc import Callable
from typing import Any

from lightning import Callback, LightningModule, Trainer

from common.callbacks.checkpointing import Checkpoints
from common.checkpoints.position import batches_seen
from common.errors import LikewiseError


class RunStopped(LikewiseError):
    """The run was stopped from outside; its checkpoint is written.

    ``by_user`` tells a signal from a spent budget.
    """

    by_user = False


class Stopping(Callback):
    """Stops at a batch limit (finished), a deadline or a signal (to be resumed).

    Args:
        checkpoints: Writes the checkpoint of the stop.
        batches: Batches after which training is complete, or None.
        deadline: `time.monotonic` value after which the run stops, or None.
    """

    def __init__(
        self, checkpoints: Checkpoints, batches: int | None, deadline: float | None
    ) -> None:
        self.checkpoints, self.batches, self.deadline = checkpoints, batches, deadline
        self._reason = ""
        self._former: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listens to Ctrl-C and SIGTERM; a resumed run may have reached its limit already."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._make_handler(number))
        self._check_limit(trainer, pl_module)

    def _make_handler(self, number: int) -> Callable[[int, Any], None]:
        def handler(_signum: int, _frame: Any) -> None:
            if self._reason and number == signal.SIGINT:
                raise KeyboardInterrupt
            self._reason = signal.Signals(number).name

        return handler

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Looks at the limit, the deadline and the signals."""
        self._check_limit(trainer, pl_module)
        if self.deadline is not None and time.monotonic() > self.deadline:
            self._reason = self._reason or "budget"
        stop = bool(self._reason)
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        if stop and not trainer.should_stop and batch_idx + 1 < trainer.num_training_batches:
            self._stop(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops after the last batch of an epoch, when the epoch's own work is done."""
        stop = bool(self._reason)
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        is_last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if stop and not is_last:
            self._stop(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back before Lightning gives back its own.

        Later it would put Lightning's handler in again, which keeps trainer, module and data alive.
        """
        self.teardown(trainer, pl_module, "fit")

    def _stop(self, trainer: Trainer, pl_module: LightningModule) -> None:
        path = self.checkpoints.save(trainer, pl_module)
        reason = self._reason or "another process"
        stop = RunStopped(
            f"stopped by {reason} after {batches_seen(pl_module)} batches, saved {path.name}"
        )
        stop.by_user = reason.startswith("SIG")
        raise stop

    def _check_limit(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.batches is not None and batches_seen(pl_module) >= self.batches:
            trainer.should_stop = True

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Gives the signals back: Lightning calls no teardown then."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Gives the signals back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}
