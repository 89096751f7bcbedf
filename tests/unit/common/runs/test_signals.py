import signal
import threading

import pytest

from common.errors import ConfigError
from common.runs.interruption import SIGNALS, interrupts_wait


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.fixture
def raising():
    """Both signals raise, as they do while a run is prepared."""
    former = handlers()
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in zip(SIGNALS, former, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_waits_for_the_end_and_is_raised_there(number, raising):
    done, before = [], handlers()
    with pytest.raises(KeyboardInterrupt), interrupts_wait():
        signal.raise_signal(number)
        done.append("the rest")
    assert done and handlers() == before


@pytest.mark.parametrize("order", [SIGNALS, SIGNALS[::-1]])
def test_of_two_that_waited_sigterm_is_answered(order, raising):
    def terminate(number, _frame):
        raise SystemExit(number)

    signal.signal(signal.SIGTERM, terminate)
    with pytest.raises(SystemExit), interrupts_wait():
        for number in order:
            signal.raise_signal(number)


def test_an_interrupt_goes_before_an_error_that_came_later(raising):
    with pytest.raises(KeyboardInterrupt), interrupts_wait():
        signal.raise_signal(signal.SIGINT)
        raise ConfigError("lost its list")
    with pytest.raises(ConfigError), interrupts_wait():
        raise ConfigError("without an interrupt")


def test_outside_of_the_main_thread_nothing_is_listened_to():
    found, before = [], handlers()

    @interrupts_wait()
    def work():
        found.append(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


def test_a_handler_that_was_not_set_from_python_stays(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("was replaced"))
    with interrupts_wait():
        pass
