import math
from types import SimpleNamespace

import pytest
import torch

from common.errors import LikewiseError
from common.tracking.metrics_file import MetricsFile, read_metrics
from common.tracking.tracker import Reporter
from common.training.metrics import MetricsLog
from tests.states import Counted


class Tracker:
    def __init__(self):
        self.logged = []

    def log(self, batch, metrics):
        self.logged.append((batch, dict(metrics)))


class Trainer(SimpleNamespace):
    def __init__(self, epoch=0, rates=(0.1,), **changes):
        optimizers = [SimpleNamespace(param_groups=[{"lr": rate}, {"lr": 9.0}]) for rate in rates]
        values = {"callback_metrics": {}, "optimizers": optimizers, "world_size": 1}
        super().__init__(current_epoch=epoch, **{**values, **changes})


@pytest.fixture
def reporter(tmp_path):
    return Reporter(MetricsFile(tmp_path), Tracker())


def step(callback, seen, loss, **changes):
    loss = torch.tensor(loss)
    trainer = Trainer(callback_metrics={"train/loss": loss}, **changes)
    callback.on_train_batch_end(trainer, Counted(seen), {"loss": loss}, None, seen - 1)


def table(tmp_path):
    return [(row.batch, row.key, row.value) for row in read_metrics(tmp_path / "metrics.csv")]


def test_a_report_goes_to_the_file_and_the_tracker(reporter, tmp_path):
    reporter.report(3, 1, {"train/loss": 2.0})
    reporter.report(4, 1, {"train/loss": 1.0, "val/a": 5.0})
    assert table(tmp_path) == [(3, "train/loss", 2.0), (4, "train/loss", 1.0), (4, "val/a", 5.0)]
    assert [batch for batch, _ in reporter.tracker.logged] == [3, 4]


def test_nothing_to_report_is_not_reported(reporter, tmp_path):
    reporter.report(3, 1, {})
    assert table(tmp_path) == [] and reporter.tracker.logged == []


def test_steps_are_written_at_their_interval_and_epochs_as_means(reporter, tmp_path):
    callback = MetricsLog(reporter.report, log_every=2)
    for seen, loss in enumerate([4.0, 2.0, 3.0], 1):
        step(callback, seen, loss)
    callback.on_train_epoch_end(Trainer(), Counted(3))
    assert table(tmp_path) == [
        (2, "train/loss", 2.0),
        (2, "train/lr", 0.1),
        (3, "train/epoch_loss", 3.0),
    ]


def test_an_epochs_mean_begins_anew(reporter, tmp_path):
    callback = MetricsLog(reporter.report, log_every=100)
    for epoch, loss in enumerate([4.0, 2.0]):
        step(callback, epoch + 1, loss, epoch=epoch)
        callback.on_train_epoch_end(Trainer(epoch), Counted(epoch + 1))
    assert [value for _, _, value in table(tmp_path)] == [4.0, 2.0]


def test_the_running_mean_survives_in_the_checkpoint_to_the_last_bit(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    losses = [0.1, 0.7, 1e-3, 1 / 3, 2.5e5]
    whole = MetricsLog(Reporter(MetricsFile(tmp_path / "a"), None).report, 100)
    first = MetricsLog(Reporter(None, None).report, 100)
    second = MetricsLog(Reporter(MetricsFile(tmp_path / "b"), None).report, 100)
    for seen, loss in enumerate(losses, 1):
        step(whole, seen, loss)
    for seen, loss in enumerate(losses[:2], 1):
        step(first, seen, loss)
    state = first.state_dict()
    assert {key: type(value) for key, value in state.items()} == {
        **{"sum": float, "count": int},
        "epoch_loss": type(None),
    }
    second.load_state_dict(state)
    for seen, loss in enumerate(losses[2:], 3):
        step(second, seen, loss)
    for callback in (whole, second):
        callback.on_train_epoch_end(Trainer(), Counted(5))
    assert table(tmp_path / "a") == table(tmp_path / "b")


def test_several_optimizers_have_a_rate_each(reporter, tmp_path):
    step(MetricsLog(reporter.report, 1), 1, 2.0, rates=(0.1, 0.2))
    rates = {key: value for _, key, value in table(tmp_path) if "lr" in key}
    assert rates == {"train/lr_0": 0.1, "train/lr_1": 0.2}


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_writes_nothing(loss, reporter, tmp_path):
    callback = MetricsLog(reporter.report, log_every=1)
    step(callback, 1, 1.0)
    with pytest.raises(
        LikewiseError, match=r"train/loss is -?(nan|inf) at batch 2: .*optimizer\.lr"
    ):
        step(callback, 2, loss)
    assert {batch for batch, _, _ in table(tmp_path)} == {1}


def test_on_a_cpu_every_batch_is_looked_at_not_only_those_that_are_logged(reporter):
    with pytest.raises(LikewiseError, match="at batch 3"):
        step(MetricsLog(reporter.report, log_every=100), 3, math.nan)


def test_what_a_gpu_did_not_look_at_is_found_at_the_epochs_end(reporter, tmp_path):
    callback = MetricsLog(reporter.report, log_every=100)
    callback.load_state_dict({"sum": math.nan, "count": 4})
    with pytest.raises(LikewiseError, match="is nan at batch 4"):
        callback.on_train_epoch_end(Trainer(), Counted(4))
    assert table(tmp_path) == []


def test_several_processes_report_the_mean_of_their_means(reporter, tmp_path):
    asked = []

    def reduce(value, reduce_op):
        asked.append((float(value), reduce_op))
        return value + 1

    callback = MetricsLog(reporter.report, 100)
    step(callback, 1, 2.0)
    trainer = Trainer(world_size=2, strategy=SimpleNamespace(reduce=reduce))
    callback.on_train_epoch_end(trainer, Counted(1))
    assert asked == [(2.0, "mean")]
    assert table(tmp_path) == [(1, "train/epoch_loss", 3.0)]
