"""Time and memory of an epoch of sampled MEOW against the size of a generated graph.

    python benchmarks/meow_scale.py [--sizes 10000,30000,100000] [--batches 40] [--threads 1]

Each size runs in a process of its own. Where an epoch has more batches than --batches, so many are
timed after two of warm-up and the epoch is their mean times its length. Edges: links and kept
meta-path edges. Peak: resident memory, preparation included.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="10000,30000,100000")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return measure(arguments.one, arguments.batches, arguments.threads)
    print(
        "| papers | edges | prepare, s | epoch, s (CPU s) | us an edge | peak, MB |\n|" + "---|" * 6
    )
    for size in arguments.sizes.split(","):
        command = [sys.executable, __file__, "--one", size]
        command += ["--batches", str(arguments.batches), "--threads", str(arguments.threads)]
        subprocess.run(command, check=True, cwd=Path(__file__).resolve().parents[1])


def measure(size: int, most: int, threads: int) -> None:
    import torch

    from common.config.recipe import load_recipe
    from common.data.graphs.module import GraphData
    from papers.meow.module import MEOW

    torch.set_num_threads(threads)
    recipe = load_recipe("meow/scale", [f"data.num_targets={size}", "data.graph_seed=0"])
    began = time.perf_counter()
    data = GraphData(recipe.data, seed=0)
    data.load()
    prepared = time.perf_counter() - began
    edges = sum(links.num_edges for links in data.graph.edge_stores)
    edges += sum(matrix.nnz for matrix in data.sampled_batches().prepared.adjacency)
    module = MEOW(recipe.method, recipe.optimizer, data.facts).train()
    module.log = lambda *args, **kwargs: None
    optimizer, loader, done = module.configure_optimizers(), data.train_dataloader(), 0
    for number, batch in enumerate(loader):
        if number == WARM_UP:
            began, cpu = time.perf_counter(), time.process_time()
        elif number == WARM_UP + most:
            break
        optimizer.zero_grad()
        module.training_step(batch, number).backward()
        optimizer.step()
        done += number >= WARM_UP
    wall = (time.perf_counter() - began) / done * len(loader)
    cpu = (time.process_time() - cpu) / done * len(loader)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    row = f"{size:,} | {edges:,} | {prepared:.1f} | {wall:.1f} ({cpu:.1f})"
    print(f"| {row} | {1e6 * cpu / edges:.0f} | {peak:,} |", flush=True)


if __name__ == "__main__":
    main()
