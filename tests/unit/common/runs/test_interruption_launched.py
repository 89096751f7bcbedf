"""Signals, and failures, from the launch of several processes on."""

import contextlib
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from common.runs.interruption import SIGNALS, RunStopped, Stopping, Terminations
from tests.states import Counted
from tests.unit.common.runs.test_interruption import Checkpoints, make_trainer, send


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path)


@pytest.mark.parametrize("number", SIGNALS)
def test_from_the_launch_on_a_signal_waits_for_the_first_batch(number, checkpoints):
    before = signal.getsignal(number)
    stopping, trainer = Stopping(checkpoints, None), make_trainer(num_devices=2)
    stopped = pytest.raises(
        RunStopped, match=f"stopped by {number.name} after 1 batches, saved batch-1"
    )
    with stopped, stopping.around_fit(trainer):
        # As Lightning starts the others: they cannot have a handler yet.
        ask = f"import os, signal; os.kill(os.getpid(), {int(number)}); print(signal.sigpending())"
        started = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
        assert started.returncode == 0 and number.name in started.stdout
        send(number)
        stopping.setup(trainer, Counted(), "fit")
        assert number not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        stopping.on_train_start(trainer, Counted())
        try:
            stopping.on_train_batch_end(trainer, Counted(1), {}, None, 0)
        finally:
            stopping.on_exception(trainer, Counted(), RunStopped())
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("sizes", [{}, {"num_nodes": 2, "num_devices": 2}])
def test_what_may_be_waited_for_in_vain_is_ended_at_once(sizes, number, checkpoints):
    stopping, trainer = Stopping(checkpoints, None), make_trainer(**sizes)
    with Terminations(), stopping.around_fit(trainer), pytest.raises(KeyboardInterrupt):
        send(number)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("main", [True, False])
def test_what_comes_when_no_batch_is_left_is_answered_by_the_main_process(
    number, main, checkpoints
):
    stopping = Stopping(checkpoints, None)
    trainer = make_trainer(num_devices=2, is_global_zero=main)
    with Terminations() as terminations:
        with pytest.raises(KeyboardInterrupt) if main else contextlib.nullcontext():
            with stopping.around_fit(trainer):
                # As all processes of a resumed run have joined, whose epochs are done.
                stopping.setup(trainer, None, "fit")
                send(number)
    assert (terminations.word == "stopped by SIGTERM") == (main and number == signal.SIGTERM)


def test_of_two_signals_while_they_join_sigterm_is_answered(checkpoints):
    stopping, trainer = Stopping(checkpoints, None), make_trainer(num_devices=2)
    with Terminations() as terminations, pytest.raises(KeyboardInterrupt):
        with stopping.around_fit(trainer):
            send(signal.SIGTERM)
            send(signal.SIGINT)
            stopping.setup(trainer, None, "fit")
    assert terminations.word == "stopped by SIGTERM"


def test_what_comes_after_the_launch_failed_is_answered_as_before(checkpoints):
    stopping, trainer = Stopping(checkpoints, None), make_trainer(num_devices=2)
    with Terminations() as terminations, pytest.raises(KeyboardInterrupt):  # not lost
        with stopping.around_fit(trainer):
            # To this thread: another one, of a library, may not hold it back.
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    assert terminations.word == "stopped by SIGTERM"
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("place", ["as they are held back", "as they are given back"])
def test_an_interrupt_at_any_place_leaves_no_signal_held_back(place, checkpoints, monkeypatch):
    before = [signal.getsignal(number) for number in SIGNALS]
    hold, listen = signal.pthread_sigmask, signal.signal

    def held(how, numbers):
        mask = hold(how, numbers)
        if how == signal.SIG_BLOCK and place == "as they are held back":
            raise KeyboardInterrupt
        return mask

    def listened(number, handler):
        former = listen(number, handler)
        if number == SIGNALS[-1] and handler == before[-1] and place == "as they are given back":
            raise KeyboardInterrupt
        return former

    monkeypatch.setattr(signal, "pthread_sigmask", held)
    monkeypatch.setattr(signal, "signal", listened)
    stopping, trainer = Stopping(checkpoints, None), make_trainer(num_devices=2)
    try:
        with pytest.raises(KeyboardInterrupt), stopping.around_fit(trainer):
            pass
        assert not set(SIGNALS) & hold(signal.SIG_BLOCK, [])
        assert [signal.getsignal(number) for number in SIGNALS] == before
    finally:
        hold(signal.SIG_UNBLOCK, SIGNALS)


@pytest.mark.parametrize("joined", [False, True])
def test_if_one_fails_before_all_have_joined_the_others_are_ended(joined, checkpoints):
    others = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    procs = [*others]
    strategy = SimpleNamespace(launcher=SimpleNamespace(procs=procs))
    stopping = Stopping(checkpoints, None)
    trainer = make_trainer(num_devices=2, strategy=strategy)
    try:
        with pytest.raises(RuntimeError, match="in use"), stopping.around_fit(trainer):
            if joined:
                stopping.setup(trainer, None, "fit")
            raise RuntimeError("address already in use")
        if joined:
            assert [other.poll() for other in others] == [None, None] and procs == others
        else:
            assert [other.wait(10) for other in others] == [-signal.SIGKILL] * 2
            assert procs == [], "Lightning's observer of them ends the main process"
    finally:
        for other in others:
            other.kill()
            other.wait()
