import io
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from common.runs import progress
from common.runs.progress import ProgressLine, Throughput
from common.tracking.tracker import Reporter
from tests.states import Counted


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved: ``clock.now += 2``."""
    found = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: found.now)
    return found


def make_trainer(**changes):
    sizes = {"num_training_batches": 10, "max_epochs": 3, "current_epoch": 0}
    return SimpleNamespace(**{**sizes, "callback_metrics": {}, **changes})


def train(callback, clock, batches, wait, work, first=1):
    callback.on_train_epoch_start(make_trainer(), Counted(first - 1))
    for seen in range(first, first + batches):
        clock.now += wait
        callback.on_train_batch_start(make_trainer(), Counted(seen), None, 0)
        clock.now += work
        callback.on_train_batch_end(make_trainer(), Counted(seen), {}, None, 0)


def test_waiting_and_work_are_told_apart(clock):
    callback = Throughput(Reporter(None, None), step_samples=64, log_every=100)
    train(callback, clock, batches=4, wait=1.0, work=3.0)
    assert (callback.waited, callback.worked, callback.batches) == (4.0, 12.0, 4)
    assert callback.samples_per_s == 64 * 4 / 16
    assert callback.wait_share == 0.25


def test_an_evaluation_between_epochs_is_neither(clock):
    callback = Throughput(Reporter(None, None), 64, 100)
    train(callback, clock, 1, 1.0, 1.0)
    clock.now += 1000
    train(callback, clock, 1, 1.0, 1.0, first=2)
    assert (callback.waited, callback.worked) == (2.0, 2.0)
    assert callback.elapsed_s == 1004.0


def test_before_the_first_batch_there_is_no_rate(clock):
    callback = Throughput(Reporter(None, None), 64, 1)
    assert (callback.samples_per_s, callback.wait_share, callback.elapsed_s) == (0.0, 0.0, 0.0)


def test_rates_are_reported_at_their_interval(clock):
    reporter = Reporter(None, None)
    written = []
    reporter.report = lambda batch, epoch, metrics: written.append((batch, metrics))
    train(Throughput(reporter, 8, log_every=2), clock, 5, 1.0, 1.0)
    assert [batch for batch, _ in written] == [2, 4]
    assert written[0][1] == {"perf/samples_per_s": 4.0, "perf/data_wait_share": 0.5}


def test_the_time_goes_on_over_a_resume_without_the_pause(clock):
    first = Throughput(Reporter(None, None), 64, 100)
    train(first, clock, 3, 1.0, 1.0)
    state = first.state_dict()
    clock.now += 86_400
    second = Throughput(Reporter(None, None), 64, 100)
    clock.now += 5  # reading the data, before the checkpoint is loaded
    second.load_state_dict(state)
    train(second, clock, 1, 1.0, 1.0, first=4)
    assert second.elapsed_s == 6 + 5 + 2
    assert (second.batches, second.waited, second.worked) == (4, 4.0, 4.0)


def lines(console):
    return console.file.getvalue().splitlines()


def test_without_a_terminal_a_line_appears_every_15_seconds(clock):
    console = Console(file=io.StringIO(), width=200)
    line = ProgressLine(console, None)
    line.on_train_start(make_trainer(), Counted(0))
    for seen in range(1, 9):
        clock.now += 4
        line.on_train_batch_end(make_trainer(), Counted(seen), {"loss": torch.tensor(2.5)}, None, 0)
    line.teardown(make_trainer(), Counted(8), "fit")
    assert lines(console) == [
        "  epoch 1/3  loss 2.500  batch 4/30, 2 min left",
        "  epoch 1/3  loss 2.500  batch 8/30, 88 s left",
    ]


def test_the_time_left_of_a_resumed_run_counts_its_own_batches_only(clock):
    console = Console(file=io.StringIO(), width=200)
    line = ProgressLine(console, None)
    line.on_train_start(make_trainer(), Counted(20))
    clock.now += 16
    line.on_train_batch_end(make_trainer(), Counted(22), {"loss": torch.tensor(2.5)}, None, 0)
    assert lines(console) == ["  epoch 1/3  loss 2.500  batch 22/30, 64 s left"]


def test_what_auto_has_found_is_said_once(clock):
    console = Console(file=io.StringIO(), width=200)
    line = ProgressLine(console, None)
    trainer = make_trainer(callback_metrics={"perf/microbatch": torch.tensor(1024.0)})
    line.on_train_start(trainer, Counted(0))
    for seen in (1, 2):
        line.on_train_batch_end(trainer, Counted(seen), {"loss": torch.tensor(2.5)}, None, 0)
    assert lines(console) == [
        "  trainer.microbatch=auto: at most 1,024 samples are encoded at once"
    ]


@pytest.mark.parametrize(("limit", "total"), [(None, 30), (12, 12), (99, 30)])
def test_the_total_is_what_will_be_trained(limit, total, clock):
    line = ProgressLine(Console(file=io.StringIO()), limit)
    line.on_train_start(make_trainer(), Counted(0))
    assert line.total == total


@pytest.mark.parametrize("end", ["teardown", "on_exception"])
def test_the_bar_is_taken_away_however_training_ends(end, clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    line = ProgressLine(console, None)
    line.on_train_start(make_trainer(), Counted(0))
    bar = line._bar
    assert bar is not None and bar.live.is_started
    clock.now += 1
    line.on_train_batch_end(make_trainer(), Counted(7), {"loss": torch.tensor(1.5)}, None, 0)
    assert bar.tasks[0].completed == 7 and "loss 1.500" in bar.tasks[0].description
    getattr(line, end)(make_trainer(), Counted(7), ValueError("x"))
    assert not bar.live.is_started
    line.teardown(make_trainer(), Counted(7), "fit")  # a second time does no harm
    assert "\x1b[?25h" in console.file.getvalue(), "the cursor is shown again"


def test_the_bar_is_not_redrawn_for_every_batch(clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    line = ProgressLine(console, None)
    line.on_train_start(make_trainer(), Counted(0))
    for seen, pause in ((1, 0.1), (2, 0.1), (3, 0.1), (4, 0.1)):
        clock.now += pause
        line.on_train_batch_end(make_trainer(), Counted(seen), {"loss": torch.tensor(1.0)}, None, 0)
    assert line._bar.tasks[0].completed == 3
    line.teardown(make_trainer(), Counted(4), "fit")
