"""Collectives of a training step on two processes: how many, of how many bytes, and whose.

    python -m benchmarks.collectives

SwAV's small convnet as in `swav/quick`, half of the batch on each process, under
DistributedDataParallel on gloo. Torch's profiler counts what its backend is asked for. Beside it is
what torch's own SyncBatchNorm, which refuses CPUs, asks for in the same passes.
"""

import argparse
import os
from collections import Counter
from itertools import groupby
from math import prod
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel
from torch.profiler import profile

from common.config.recipe import load_recipe
from common.distributed.batch_norm import GlobalBatchNorm
from papers.swav.module import SwAV

PROCESSES, WARM_UP, BYTES = 2, 2, 4


def step_of(rank: int, folder: str, reference: str) -> None:
    """Takes steps and prints the collectives of the last one."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=PROCESSES)
    recipe = load_recipe(reference)
    module = SwAV(recipe.method, recipe.optimizer, SimpleNamespace(channels=1))
    module.forward = module.training_step
    passes: Counter[GlobalBatchNorm] = Counter()
    for part in module.modules():
        if isinstance(part, GlobalBatchNorm):
            part.register_forward_hook(lambda norm, *_: passes.update([norm]))
    wrapped = DistributedDataParallel(module)
    rows = recipe.global_batch // PROCESSES
    sizes = [(view.count, view.size) for view in recipe.data.views]
    views = [torch.rand(rows, 1, size, size) for count, size in sizes for _ in range(count)]
    for _ in range(WARM_UP):
        wrapped((views, torch.zeros(rows)), 0).backward()
    passes.clear()
    with profile(record_shapes=True) as seen:
        wrapped((views, torch.zeros(rows)), 0).backward()
    if rank == 0:
        show(seen, passes)
    dist.barrier()
    os._exit(0)


def show(seen: Any, passes: "Counter[GlobalBatchNorm]") -> None:
    found = [event for event in seen.events() if event.name.startswith("gloo:")]
    for name, events in groupby(sorted(found, key=lambda e: e.name), lambda e: e.name):
        sizes = [BYTES * sum(map(prod, filter(None, flat(e.input_shapes)))) for e in events]
        print(f"{name:20s} {len(sizes):4d} a step, {sum(sizes):9,d} bytes, largest {max(sizes):,d}")
    norms, width = sum(passes.values()), sum(n.num_features * c for n, c in passes.items())
    print(
        f"passes through a batch norm: {norms}. Torch's SyncBatchNorm would gather {norms} times "
        f"({BYTES * (2 * width + norms):,d} bytes) and reduce {norms} times "
        f"({BYTES * 2 * width:,d} bytes)"
    )


def flat(shapes: list[Any]) -> list[list[int]]:
    """Returns the shapes of tensors and of tensors in lists."""
    inner = [shape if shape and isinstance(shape[0], list) else [shape] for shape in shapes]
    return [shape for part in inner for shape in part]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--recipe", default="swav/quick", help="of SwAV, on grey images")
    reference = options.parse_args().recipe
    with TemporaryDirectory() as folder:
        mp.start_processes(step_of, (folder, reference), nprocs=PROCESSES, start_method="fork")
