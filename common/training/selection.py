"""Evaluation during training: online protocols, early stopping, the selected weights."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from common.config.schema import Recipe
from common.errors import ConfigError, LikewiseError, suggest
from common.evaluation.config import EvaluationConfig
from common.training.metrics import EPOCH_LOSS, MetricsLog
from common.training.position import batches_seen, random_states, read_checkpoint, set_random_states

BEST = "best.ckpt"


class OnlineEvaluation(Callback):
    """Runs ``evaluation.online`` at its interval and watches ``evaluation.monitor``.

    Args:
        config: The ``evaluation:`` section.
        evaluate: Returns ``{"val/...": value}`` for a module.
        report: Takes batch, epoch and values.
        metrics: Knows the loss of the newest epoch.
        checkpoints: The folder where the best checkpoint is kept, if the recipe uses one.
    """

    def __init__(
        self,
        config: EvaluationConfig,
        evaluate: Callable[[LightningModule], dict[str, float]],
        report: Callable[[int, int, dict[str, float]], None],
        metrics: MetricsLog,
        checkpoints: Path,
    ) -> None:
        self.config, self.evaluate, self.report = config, evaluate, report
        self.metrics, self.checkpoints = metrics, checkpoints
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

    def choose_one(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Evaluates after a training that was shorter than the interval, so that there is a best.

        It is no hook of Lightning's: those are not called where a resumed run is at its end.
        """
        if self.config.keeps_best and math.isinf(self.best):
            self._look(trainer, pl_module)

    def _look(self, trainer: Trainer, pl_module: LightningModule) -> None:
        measured: dict[str, float] = {}
        if self.config.online:
            states = random_states()
            measured = self.evaluate(pl_module)
            set_random_states(states)
            self.report(batches_seen(pl_module), trainer.current_epoch, measured)
        if self.config.monitor is not None:
            # One verdict for all processes: a checkpoint and a stop need every one of them.
            value = trainer.strategy.broadcast(self._watched(trainer, measured), src=0)
            self._judge(trainer, float(value))

    def _watched(self, trainer: Trainer, measured: dict[str, float]) -> float:
        """Returns what ``evaluation.monitor`` names: of this look, this step or the last epoch."""
        known: dict[str, Any] = {**trainer.callback_metrics, **measured}
        if self.metrics.epoch_loss is not None:
            known[EPOCH_LOSS] = self.metrics.epoch_loss
        key = str(self.config.monitor)
        if key not in known:
            hint = suggest(key, sorted(known))
            raise ConfigError(f"evaluation.monitor: nothing writes {key!r}{hint}")
        return float(known[key])

    def _judge(self, trainer: Trainer, value: float) -> None:
        sign = 1 if self.config.mode == "max" else -1
        if sign * value > sign * self.best:
            self.best, self.without_gain = value, 0
            if self.config.keeps_best:
                trainer.save_checkpoint(self.checkpoints / BEST, weights_only=False)
            return
        self.without_gain += 1
        patience = self.config.patience
        if patience is not None and self.without_gain >= patience:
            self.stopped = trainer.should_stop = True


def best_state(recipe: Recipe, checkpoints: Path) -> Mapping[str, Any] | None:
    """Returns the state of the best module by ``evaluation.monitor``.

    None where the recipe keeps none: it selects the last weights, or it does not train.

    Raises:
        LikewiseError: The recipe keeps the best weights and the folder ``checkpoints`` lacks them.
    """
    path, evaluation = checkpoints / BEST, recipe.evaluation
    if not evaluation.keeps_best or recipe.trainer.epochs == 0 or recipe.trainer.batches == 0:
        return None
    if not path.is_file():
        raise LikewiseError(
            f"{path}: there are no best weights: evaluation.monitor={evaluation.monitor} has not "
            "been measured, or was never a number"
        )
    state: Mapping[str, Any] = read_checkpoint(path)["state_dict"]
    return state
