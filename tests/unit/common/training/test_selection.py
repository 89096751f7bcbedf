import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.config.recipe import load_recipe
from common.errors import ConfigError, LikewiseError
from common.evaluation.config import EvaluationConfig
from common.training.metrics import MetricsLog
from common.training.selection import BEST, OnlineEvaluation, best_state
from tests.states import Counted

KEY = "val/knn_top1"


class Trainer:
    """Keeps the paths that were saved; ``verdict`` is what process 0 has measured."""

    def __init__(self, epoch=0, verdict=None):
        self.should_stop, self.current_epoch, self.saved = False, epoch, []
        self.callback_metrics = {}
        self.told = []
        self.strategy = SimpleNamespace(broadcast=self._broadcast)
        self.verdict = verdict

    def _broadcast(self, value, src):
        self.told.append((value, src))
        return value if self.verdict is None else self.verdict

    def save_checkpoint(self, path, weights_only):
        self.saved.append(path.name)


def make(tmp_path, values=(), **changes):
    """A callback whose evaluations return ``values`` one after the other."""
    settings = {"online": ["knn"], "monitor": KEY, "every_batches": 1, **changes}
    coming = iter(values)
    config, reported = EvaluationConfig(protocols=["knn"], **settings), []

    def report(batch, epoch, metrics):
        reported.append(metrics)

    callback = OnlineEvaluation(
        config, lambda module: {KEY: next(coming)}, report, MetricsLog(report, 50), tmp_path
    )
    callback.reported = reported
    return callback


def look(callback, times, trainer=None):
    trainer = trainer or Trainer()
    for batch in range(1, times + 1):
        callback.on_train_batch_end(trainer, Counted(batch), {}, None, batch - 1)
    return trainer


@pytest.mark.parametrize(
    ("mode", "values", "saved", "best", "without_gain"),
    # An equal value is no gain.
    [("max", [0.2, 0.5, 0.5, 0.4, 0.6], 3, 0.6, 0), ("min", [3.0, 2.0, 2.5], 2, 2.0, 1)],
)
def test_the_best_one_is_saved_each_time_it_is_beaten(
    tmp_path, mode, values, saved, best, without_gain
):
    callback = make(tmp_path, values, mode=mode, select="best")
    assert look(callback, len(values)).saved == [BEST] * saved
    assert (callback.best, callback.without_gain) == (best, without_gain)
    assert callback.reported[-1] == {KEY: values[-1]}


def test_without_select_best_nothing_is_saved(tmp_path):
    assert look(make(tmp_path, [0.2, 0.5]), 2).saved == []


@pytest.mark.parametrize(
    ("patience", "values", "stops_at"),
    [
        (1, [0.5, 0.4], 2),
        (2, [0.5, 0.4, 0.6, 0.5, 0.5], 5),
        (3, [0.5, 0.4, 0.3], None),
        (None, [0.5, 0.4, 0.3, 0.2], None),
        (1, [float("nan"), 0.5], 1),  # nothing is a gain over nothing
    ],
)
def test_patience(patience, values, stops_at, tmp_path):
    callback, trainer = make(tmp_path, values, patience=patience), Trainer()
    stopped = None
    for batch in range(1, len(values) + 1):
        callback.on_train_batch_end(trainer, Counted(batch), {}, None, 0)
        if trainer.should_stop:
            stopped = batch
            break
    assert stopped == stops_at
    assert callback.stopped is (stops_at is not None)


def test_a_resumed_run_goes_on_with_its_patience_and_its_best(tmp_path):
    first = make(tmp_path, [0.5, 0.4], patience=2, select="best")
    look(first, 2)
    second = make(tmp_path, [0.45], patience=2, select="best")
    second.load_state_dict(first.state_dict())
    trainer = Trainer()
    second.on_train_start(trainer, Counted(2))
    assert not trainer.should_stop
    second.on_train_batch_end(trainer, Counted(3), {}, None, 2)
    assert trainer.should_stop and trainer.saved == []
    assert second.state_dict() == {"best": 0.5, "without_gain": 2, "stopped": True}


def test_a_run_resumed_after_its_early_stop_stays_stopped(tmp_path):
    callback, trainer = make(tmp_path), Trainer()
    callback.load_state_dict({**callback.state_dict(), "stopped": True})
    callback.on_train_start(trainer, Counted(9))
    assert trainer.should_stop


def test_every_process_goes_by_the_verdict_of_the_first(tmp_path):
    callback = make(tmp_path, [0.9, 0.9], select="best", patience=1)
    leader = Trainer(verdict=0.3)
    look(callback, 1, leader)
    assert leader.told == [(0.9, 0)]
    assert callback.best == 0.3 and leader.saved == [BEST]
    look(callback, 1, leader)
    assert leader.should_stop, "0.9 here, but not better than 0.3 where it counts"


def test_the_interval_in_batches_counts_over_epochs(tmp_path):
    callback, seen = make(tmp_path, every_batches=3), []
    callback._look = lambda trainer, module: seen.append(int(module.batches_seen))
    look(callback, 7)
    callback.on_train_epoch_end(Trainer(), Counted(7))
    assert seen == [3, 6]


def test_the_interval_in_epochs(tmp_path):
    callback = make(tmp_path, every_batches=None, every_epochs=2)
    seen = []
    callback._look = lambda trainer, module: seen.append(trainer.current_epoch)
    for epoch in range(5):
        callback.on_train_epoch_end(Trainer(epoch=epoch), Counted(epoch + 1))
    assert seen == [1, 3]


def test_looking_leaves_the_random_numbers_of_training_alone(tmp_path):
    def greedy(module):
        torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002 - the global one
        return {KEY: 0.5}

    callback = make(tmp_path)
    callback.evaluate = greedy
    torch.manual_seed(1)
    random.seed(1)
    expected = torch.rand(1), random.random()
    torch.manual_seed(1)
    random.seed(1)
    look(callback, 1)
    assert (torch.rand(1), random.random()) == expected


def test_a_monitor_that_nothing_writes_offers_the_nearest(tmp_path):
    callback = make(tmp_path, [0.5], monitor="val/knn_top5")
    with pytest.raises(ConfigError, match="'val/knn_top5'"):
        look(callback, 1)


def test_a_training_metric_can_be_watched_without_evaluating(tmp_path):
    callback = make(tmp_path, online=[], monitor="train/epoch_loss", mode="min", select="best")
    callback.metrics.load_state_dict({"sum": 0.0, "count": 0, "epoch_loss": 2.0})
    trainer = look(callback, 1)
    assert (callback.best, trainer.saved) == (2.0, [BEST])


def test_what_the_module_logs_can_be_watched_whenever_it_is_written(tmp_path):
    callback = make(tmp_path, online=[], monitor="train/loss", mode="min", select="best")
    trainer = Trainer()
    for loss in (3.0, 2.0, 2.5):
        trainer.callback_metrics = {"train/loss": torch.tensor(loss)}
        look(callback, 1, trainer)
    assert (callback.best, len(trainer.saved)) == (2.0, 2)


def test_a_training_shorter_than_the_interval_is_evaluated_at_its_end(tmp_path):
    callback, trainer = make(tmp_path, [0.5], every_batches=10, select="best"), Trainer()
    look(callback, 3, trainer)
    assert trainer.saved == []
    callback.choose_one(trainer, Counted(3))
    callback.choose_one(trainer, Counted(3))
    assert (callback.best, trainer.saved) == (0.5, [BEST])


def test_best_weights_that_are_missing_are_an_error_and_not_the_last_ones(tmp_path):
    words = ["evaluation.select=best", "evaluation.monitor=train/epoch_loss"]
    with pytest.raises(LikewiseError, match=r"best.ckpt.*evaluation.monitor"):
        best_state(load_recipe("swav", words), tmp_path)
    assert best_state(load_recipe("swav", [*words, "trainer.epochs=0"]), tmp_path) is None
    assert best_state(load_recipe("swav"), tmp_path) is None


def test_without_a_monitor_nothing_is_judged(tmp_path):
    callback = make(tmp_path, [0.5], monitor=None)
    trainer = look(callback, 1)
    assert trainer.told == [] and callback.best == -math.inf
    assert callback.reported == [{KEY: 0.5}]
