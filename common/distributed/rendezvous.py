"""The processes of one node until all have joined: none may wait for one that is gone."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning import Trainer

# Tells a process that Lightning launches which one did; torchrun's are told of none.
MAIN = "LIKEWISE_MAIN_PID"
LOOK_EVERY_S = 1.0


@contextmanager
def until_joined(trainer: Trainer, joined: threading.Event) -> Iterator[None]:
    """Within it, until ``joined`` is set, the processes that Lightning launched end with the main.

    They begin deaf to Ctrl-C and SIGTERM (`Stopping`) and would wait half an hour to join. If the
    main one fails it kills them; if it is gone without a word they see that it is.
    """
    launcher: Any = trainer.strategy.launcher
    if main := os.environ.get(MAIN):
        watch = (int(main), joined)
        threading.Thread(target=_end_without, args=watch, daemon=True).start()
    else:
        os.environ[MAIN] = str(os.getpid())
    try:
        yield
    except BaseException:
        if not joined.is_set():
            _kill(launcher.procs)
        raise
    finally:
        joined.set()
        os.environ.pop(MAIN, None)


def _kill(processes: list[Any]) -> None:
    children = [*processes]
    # Lightning's observer of this list would kill the main process too, which has yet to say why.
    processes.clear()
    for child in children:
        child.kill()


def _end_without(main: int, joined: threading.Event) -> None:
    while not joined.wait(LOOK_EVERY_S):
        if os.getppid() != main:
            os._exit(1)
