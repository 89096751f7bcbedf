"""Interrupts that wait for work which would lose them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

# What a user, a cluster and a terminal that is closed end a run with.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded() -> tuple[int, ...]:
    """Returns the signals to listen to: not SIGHUP where it is ignored, as under ``nohup``."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return SIGNALS[:2] if is_ignored else SIGNALS


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Within it signals wait, and go to their handlers at its end; for short work.

    SIGTERM goes first, whenever it came: a handler that raises hides what comes after it, and a
    cluster that takes its machine back must get the answer to its own signal.
    """
    former = {number: signal.getsignal(number) for number in heeded()}
    # Python runs handlers in its main thread alone; None is a handler that it did not set.
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or None in former.values():
        yield
        return
    came: list[int] = []

    def wait(number: int, _frame: Any) -> None:
        came.append(number)

    try:
        with ExitStack() as handlers:  # each is given back, though another is raised here
            for number, handler in former.items():
                handlers.callback(signal.signal, number, handler)
                signal.signal(number, wait)
            yield
    finally:
        for number in sorted(came, key=lambda number: number != signal.SIGTERM):
            signal.raise_signal(number)
