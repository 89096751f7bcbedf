"""Evaluation during training: online protocols, early stopping, the best weights."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from common.errors import ConfigError, suggest
from common.evaluation.config import EvaluationConfig
from common.training.position import batches_seen, random_states, set_random_states


class OnlineEvaluation(Callback):
    """Runs ``evaluation.online`` at its interval and watches ``evaluation.monitor``.

    Args:
        config: The ``evaluation:`` section.
        evaluate: Returns ``{"val/...": value}`` for a module.
        report: Takes batch, epoch and values.
        latest: The newest value of each key that was reported, by the module or from here.
        best_path: Where the best checkpoint is kept, where the recipe uses it.
    """

    def __init__(
        self,
        config: EvaluationConfig,
        evaluate: Callable[[LightningModule], dict[str, float]],
        report: Callable[[int, int, dict[str, float]], None],
        latest: Mapping[str, float],
        best_path: Path,
    ) -> None:
        self.config, self.evaluate, self.report = config, evaluate, report
        self.latest, self.best_path = latest, best_path
        self.best = -math.inf if config.mode == "max" else math.inf
        self.without_gain = 0
        self.stopped = False

    def state_dict(self) -> dict[str, Any]:
        """Returns what early stopping and selection go by."""
        names = ("best", "without_gain", "stopped")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores it."""
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A run resumed after its early stop stays stopped."""
        if self.stopped:
            trainer.should_stop = True

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Evaluates when the interval is counted in batches."""
        every = self.config.every_batches
        if every is not None and batches_seen(pl_module) % every == 0:
            self._look(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluates when the interval is counted in epochs."""
        due = (trainer.current_epoch + 1) % self.config.every_epochs == 0
        if self.config.every_batches is None and due:
            self._look(trainer, pl_module)

    def _look(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.config.online:
            states = random_states()
            metrics = self.evaluate(pl_module)
            set_random_states(states)
            self.report(batches_seen(pl_module), trainer.current_epoch, metrics)
        if self.config.monitor is not None:
            # One verdict for all processes: a checkpoint and a stop need every one of them.
            value = trainer.strategy.broadcast(self._watched(), src=0)
            self._judge(trainer, pl_module, float(value))

    def _watched(self) -> float:
        key = str(self.config.monitor)
        if key not in self.latest:
            known = sorted(self.latest)
            raise ConfigError(f"evaluation.monitor: nothing writes {key!r}{suggest(key, known)}")
        return self.latest[key]

    def _judge(self, trainer: Trainer, pl_module: LightningModule, value: float) -> None:
        sign = 1 if self.config.mode == "max" else -1
        if sign * value > sign * self.best:
            self.best, self.without_gain = value, 0
            if self.config.keeps_best:
                trainer.save_checkpoint(self.best_path, weights_only=False)
            return
        self.without_gain += 1
        patience = self.config.patience
        if patience is not None and self.without_gain >= patience:
            self.stopped = trainer.should_stop = True
