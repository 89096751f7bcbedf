"""Interrupts that wait for work which would lose them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# What a user and a cluster end a run with.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Within it Ctrl-C and SIGTERM wait, and go to their handlers at its end; for short work.

    SIGTERM goes first, whenever it came: a handler that raises hides what comes after it, and a
    cluster that takes its machine back must get the answer to its own signal.
    """
    interrupt, termination = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    # Python runs handlers in its main thread alone; None is a handler that it did not set.
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or interrupt is None or termination is None:
        yield
        return
    came: list[int] = []

    def wait(number: int, _frame: Any) -> None:
        came.append(number)

    try:
        signal.signal(signal.SIGINT, wait)
        signal.signal(signal.SIGTERM, wait)
        yield
    finally:
        try:
            signal.signal(signal.SIGTERM, termination)
        finally:  # one that comes now is raised here
            signal.signal(signal.SIGINT, interrupt)
        for number in sorted(came, key=lambda number: number != signal.SIGTERM):
            signal.raise_signal(number)
