"""Work in pieces, each on one thread: many small operations gain nothing from shared ones."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")


def in_threads(work: Callable[[T], None], pieces: Iterable[T]) -> None:
    """Does ``work`` on each of ``pieces``, on as many threads as torch uses for one operation.

    ``work`` must not depend on the order, nor on gradients or autocast, which a thread does not
    inherit. Raises what it raises.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        for piece in pieces:
            work(piece)
        return
    # A forked process has none of its parent's threads.
    for _ in _pool(threads, os.getpid()).map(work, pieces):
        pass


@lru_cache(maxsize=1)
def _pool(threads: int, _process: int) -> ThreadPoolExecutor:
    """Returns threads on which an operation of torch stays on its thread."""
    started = Barrier(threads + 1)

    def start() -> None:
        # Torch sets a thread up at its first question; only what is set later stays.
        torch.get_num_threads()
        torch.set_num_threads(1)

    pool = ThreadPoolExecutor(threads, "views", start)
    for _ in range(threads):
        pool.submit(started.wait)
    started.wait()
    torch.set_num_threads(threads)  # the setting is also the default of all other threads
    return pool
