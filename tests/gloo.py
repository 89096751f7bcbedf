"""Runs a function on several gloo processes: what each returned, and whether it is that of one."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from tests.forks import METHOD


def _worker(rank: int, size: int, folder: str, function: Callable[..., Any], args: tuple) -> None:
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size)
    try:
        torch.save(function(*args), f"{folder}/result{rank}.pt")
        dist.barrier()  # none leaves while another still speaks to it
    finally:
        dist.destroy_process_group()
    # An interpreter that ends beside gloo's threads has been seen to abort; the result is stored.
    os._exit(0)


def run_processes(function: Callable[..., Any], *args: Any, size: int = 2) -> list[Any]:
    """Returns ``function(*args)`` of each of ``size`` processes, by rank."""
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(
            _worker, (size, folder, function, args), nprocs=size, start_method=METHOD
        )
        return [torch.load(Path(folder, f"result{rank}.pt")) for rank in range(size)]


def assert_equal_to_one_process(
    train_all: Callable[[], list[dict[str, torch.Tensor]]],
) -> list[dict[str, torch.Tensor]]:
    """Compares what two processes found, in each case and by name, with what one finds.

    Args:
        train_all: A function of a module's top level; trains on this process's share of each batch.

    Returns:
        What one process finds.
    """
    assert not dist.is_initialized()
    expected = train_all()
    for found in run_processes(train_all):
        for case, (whole, part) in enumerate(zip(expected, found, strict=True)):
            unlike = sorted(part.keys() ^ whole.keys())
            assert not unlike, f"case {case}: found by one side only: {unlike}"
            for name, value in whole.items():
                message = f"case {case}: {name}"
                torch.testing.assert_close(part[name], value, rtol=0, atol=1e-9, msg=message)
    return expected
