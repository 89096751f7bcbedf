"""Runs a function on several gloo processes and returns what each returned."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _worker(rank: int, size: int, folder: str, function: Callable[..., Any], args: tuple) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size)
    try:
        torch.save(function(*args), f"{folder}/result{rank}.pt")
    finally:
        dist.destroy_process_group()


def run_processes(function: Callable[..., Any], *args: Any, size: int = 2) -> list[Any]:
    """Returns ``function(*args)`` of each of ``size`` processes, by rank."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_worker, (size, folder, function, args), nprocs=size)
        return [torch.load(Path(folder, f"result{rank}.pt")) for rank in range(size)]
