import signal
import threading
import time
from types import SimpleNamespace

import pytest

from common.runs.interruption import SIGNALS, RunStopped, Stopping, Terminations, interrupts_wait
from tests.states import Counted


class Checkpoints:
    def __init__(self, folder):
        self.folder, self.saved = folder, []

    def save(self, trainer, module):
        self.saved.append(int(module.batches_seen))
        return self.folder / f"batch-{int(module.batches_seen)}.ckpt"


def make_trainer(**changes):
    values = {
        "should_stop": False,
        "world_size": 1,
        "is_global_zero": True,
        "num_nodes": 1,
        "num_devices": 1,
        "num_training_batches": 10,
        "accumulate_grad_batches": 1,
        "current_epoch": 0,
        "max_epochs": 3,
        "strategy": SimpleNamespace(launcher=SimpleNamespace(procs=[])),
        **changes,
    }
    return SimpleNamespace(**values)


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path)


@pytest.fixture
def listening(checkpoints):
    """A callback that has taken the signals over; they are given back whatever happens."""
    former = {number: signal.getsignal(number) for number in SIGNALS}
    stopping = Stopping(checkpoints, None)
    stopping.on_train_start(make_trainer(), Counted())
    yield stopping
    for number, handler in former.items():
        signal.signal(number, handler)


def send(number):
    # To this thread: one of the test runner's own would take what this one holds back.
    signal.pthread_kill(threading.main_thread().ident, number)
    time.sleep(0)  # the handler runs between two bytecodes


def test_a_spent_budget_stops_after_the_batch_with_a_checkpoint(checkpoints):
    stopping = Stopping(checkpoints, time.monotonic() - 1)
    with pytest.raises(RunStopped, match=r"3.*batch-3"):
        stopping.on_train_batch_end(make_trainer(), Counted(3), {}, None, 2)
    assert checkpoints.saved == [3]


def test_a_stop_waits_for_the_update_of_accumulated_gradients(checkpoints):
    stopping = Stopping(checkpoints, time.monotonic() - 1)
    trainer = make_trainer(accumulate_grad_batches=4)
    stopping.on_train_batch_end(trainer, Counted(3), {}, None, 2)
    with pytest.raises(RunStopped, match="batch-4"):
        stopping.on_train_batch_end(trainer, Counted(4), {}, None, 3)


def test_a_budget_in_the_future_stops_nothing(checkpoints):
    stopping = Stopping(checkpoints, time.monotonic() + 60)
    stopping.on_train_batch_end(make_trainer(), Counted(3), {}, None, 2)
    stopping.on_train_epoch_end(make_trainer(), Counted(3))
    assert checkpoints.saved == []


def test_a_budget_is_no_user(checkpoints):
    stopping = Stopping(checkpoints, time.monotonic() - 1)
    with pytest.raises(RunStopped) as stop:
        stopping.on_train_batch_end(make_trainer(), Counted(3), {}, None, 2)
    assert stop.value.by_user is False and stop.value.exit_code == 1


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_the_end_of_the_batch(number, listening, checkpoints):
    send(number)
    assert checkpoints.saved == []
    with pytest.raises(RunStopped, match=f"stopped by {number.name} after 7") as stop:
        listening.on_train_batch_end(make_trainer(), Counted(7), {}, None, 0)
    assert stop.value.by_user
    assert checkpoints.saved == [7]


def test_an_impatient_second_ctrl_c_stops_at_once(listening):
    send(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_after_a_spent_budget_the_first_ctrl_c_is_patient_too(listening):
    listening.deadline = time.monotonic() - 1
    trainer, module = make_trainer(current_epoch=2), Counted(30)
    listening.on_train_batch_end(trainer, module, {}, None, 9)  # the last: its epoch goes on
    try:
        send(signal.SIGINT)
    except KeyboardInterrupt:
        pytest.fail("ended in the middle of the epoch's work")
    with pytest.raises(RunStopped, match=r"SIGINT.*30") as stop:
        listening.on_train_end(trainer, module)
    assert stop.value.by_user


def test_a_second_sigterm_is_patient(listening):
    send(signal.SIGTERM)
    send(signal.SIGTERM)


def test_on_an_epochs_last_batch_the_epochs_own_work_is_done_first(listening, checkpoints):
    send(signal.SIGTERM)
    trainer = make_trainer()
    listening.on_train_batch_end(trainer, Counted(10), {}, None, 9)
    assert checkpoints.saved == []
    with pytest.raises(RunStopped):
        listening.on_train_epoch_end(trainer, Counted(10))
    assert checkpoints.saved == [10]


@pytest.mark.parametrize("ending", [{"current_epoch": 2}, {"should_stop": True}])
def test_a_run_that_has_trained_to_its_end_is_not_stopped(ending, checkpoints):
    stopping = Stopping(checkpoints, time.monotonic() - 1)
    trainer = make_trainer(**ending)
    stopping.on_train_batch_end(trainer, Counted(30), {}, None, 9)
    stopping.on_train_epoch_end(trainer, Counted(30))
    assert checkpoints.saved == []


@pytest.mark.parametrize("end", ["teardown", "on_exception"])
def test_the_signals_are_given_back(end, checkpoints):
    before = [signal.getsignal(number) for number in SIGNALS]
    stopping = Stopping(checkpoints, None)
    stopping.on_train_start(make_trainer(), Counted())
    during = [signal.getsignal(number) for number in SIGNALS]
    getattr(stopping, end)(make_trainer(), Counted(), "fit")
    after = [signal.getsignal(number) for number in SIGNALS]
    assert after == before and during[0] != before[0] and during[1] != before[1]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_last_epoch_stops_before_the_evaluation(number, listening, checkpoints):
    trainer, module = make_trainer(current_epoch=2), Counted(30)
    send(number)
    listening.on_train_batch_end(trainer, module, {}, None, 9)
    listening.on_train_epoch_end(trainer, module)
    with pytest.raises(
        RunStopped, match=f"{number.name} after 30 batches, before the eval"
    ) as stop:
        listening.on_train_end(trainer, module)
    assert stop.value.by_user and checkpoints.saved == [], "the epoch's own is there"


def test_a_budget_spent_in_the_last_epoch_leaves_the_evaluation(checkpoints):
    stopping, trainer = Stopping(checkpoints, time.monotonic() - 1), make_trainer()
    stopping.on_train_batch_end(trainer, Counted(30), {}, None, 9)
    stopping.on_train_end(trainer, Counted(30))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_outside_of_training_it_interrupts_once(number):
    before = signal.getsignal(number)
    with Terminations() as terminations:
        assert terminations.word == "interrupted"
        with pytest.raises(KeyboardInterrupt):
            send(number)
        send(number)
        assert terminations.word == f"stopped by {number.name}"
    assert signal.getsignal(number) is before


def test_under_nohup_a_closed_terminal_is_nothing(checkpoints):
    former, stopping = signal.signal(signal.SIGHUP, signal.SIG_IGN), Stopping(checkpoints, None)
    try:
        with Terminations(), interrupts_wait():
            stopping.on_train_start(make_trainer(), Counted())
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            stopping.teardown(make_trainer(), Counted(), "fit")
    finally:
        signal.signal(signal.SIGHUP, former)


@pytest.mark.parametrize("place", ["batch", "epoch"])
def test_all_processes_stop_when_another_one_was_told_to(place, checkpoints):
    asked = []

    def reduce(decision, all):
        asked.append((decision, all))
        return True

    strategy = SimpleNamespace(reduce_boolean_decision=reduce)
    trainer = make_trainer(world_size=2, strategy=strategy)
    stopping = Stopping(checkpoints, None)
    with pytest.raises(RunStopped, match="stopped by another process") as stop:
        if place == "batch":
            stopping.on_train_batch_end(trainer, Counted(3), {}, None, 2)
        else:
            stopping.on_train_epoch_end(trainer, Counted(3))
    assert asked == [(False, False)] * 2, "one yes is enough"
    assert checkpoints.saved == [3]
    assert stop.value.by_user, "the other one was sent a signal"
