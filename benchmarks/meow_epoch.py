"""Time and memory of one MEOW epoch, as a recipe says: ours and the official code on its data.

    python benchmarks/meow_epoch.py [--rounds 7] [--threads 2] [--recipe acm] [--official CHECKOUT]

CHECKOUT is the official repository with the data of the recipe; faiss must be installed for it.
Both run in a process of their own and take turns, one epoch each; their environment is patched,
not what is timed (no CUDA, faiss's CPU index; their selection of neighbours, which loops over
every non-zero in Python before training, is done by ours). Where the checkout lacks products of
its own links (DBLP's longer meta-paths), they are multiplied out there first. LIKEWISE_DATA must
hold hin/acm.npz, or another recipe's file. Printed: median and range of the epochs, what ours
differs from itself in two halves, and the peak resident memory.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

WARM_UP = 2
# On a busy machine one thread's own time is what can be compared. Not taken from benchmarks.timing:
# it loads Lightning, and the memory of these processes is measured.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    arguments = parse()
    if arguments.worker == "ours":
        return work_ours(arguments.threads, arguments.recipe, CLOCKS[arguments.clock])
    if arguments.worker == "official":
        return work_official(arguments.threads, arguments.recipe, CLOCKS[arguments.clock])
    names = ["ours"] + (["official"] if arguments.official else [])
    workers = {name: start(name, arguments) for name in names}
    rows = {name: [] for name in names}
    for _ in range(arguments.rounds + WARM_UP):
        for name, worker in workers.items():
            rows[name].append(ask(worker))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    report({name: values[WARM_UP:] for name, values in rows.items()}, arguments.threads)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", default="wall", choices=CLOCKS)
    parser.add_argument("--recipe", default="acm", help="such as dblp or acm:adameow")
    parser.add_argument("--official", type=Path)
    parser.add_argument("--worker", choices=("ours", "official"), help=argparse.SUPPRESS)
    return parser.parse_args()


def start(name: str, arguments: argparse.Namespace) -> subprocess.Popen:
    here = Path(__file__).resolve()
    command = [sys.executable, str(here), "--worker", name, "--threads", str(arguments.threads)]
    command += ["--recipe", arguments.recipe, "--clock", arguments.clock]
    folder = here.parents[1] if name == "ours" else arguments.official / "code_meow"
    paths = [str(here.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OMP_NUM_THREADS": str(arguments.threads),
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def ask(worker: subprocess.Popen) -> tuple[float, float]:
    """Lets a worker do one epoch; returns its seconds and peak MB."""
    worker.stdin.write("\n")
    worker.stdin.flush()
    while True:
        line = worker.stdout.readline()
        if not line:
            raise SystemExit("a worker ended; its error is above")
        if line.startswith("epoch "):
            seconds, peak = line.split()[1:]
            return float(seconds), float(peak)


def tell(seconds: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"epoch {seconds} {peak}", flush=True)


def work_ours(threads: int, reference: str, clock: Callable[[], float]) -> None:
    import torch

    from common.config.recipe import load_recipe
    from common.data.graphs.module import GraphData
    from papers.meow.module import MEOW

    torch.set_num_threads(threads)
    recipe = load_recipe(f"meow/{reference}", ["seed=0", "data.ties=last"])
    data = GraphData(recipe.data, seed=0)
    data.load()
    module = MEOW(recipe.method, recipe.optimizer, data.facts).train()
    module.log = lambda *args, **kwargs: None
    optimizer = module.configure_optimizers()
    for _ in sys.stdin:
        started = clock()
        optimizer.zero_grad()
        module.training_step(data.batch, 0).backward()
        optimizer.step()
        tell(clock() - started)


def work_official(threads: int, reference: str, clock: Callable[[], float]) -> None:
    import torch

    from common.data.graphs.metapath_graphs import keep_nearest

    patch_environment(threads)
    zero_grad, step, started = torch.optim.Adam.zero_grad, torch.optim.Adam.step, [0.0]

    def wait_then_zero(self, *args, **kwargs):
        if not sys.stdin.readline():
            sys.exit()
        started[0] = clock()
        return zero_grad(self, *args, **kwargs)

    def step_then_tell(self, *args, **kwargs):
        step(self, *args, **kwargs)
        tell(clock() - started[0])

    torch.optim.Adam.zero_grad, torch.optim.Adam.step = wait_then_zero, step_then_tell
    name = reference.partition(":")[0]
    if name == "dblp":
        multiply_links(Path("../data/dblp"))
    # The official main.py reads the data set from the first argument when it is imported.
    sys.argv = ["main.py", name]
    sys.path.insert(0, str(Path.cwd()))
    import main as official

    official.pathsim = lambda counts, most: [
        keep_nearest(matrix, k).tocoo() for matrix, k in zip(counts, most, strict=True)
    ]
    official.train()


def multiply_links(folder: Path) -> None:
    """Writes the products that the official repository stores as files too large for a copy."""
    import numpy
    import scipy.sparse as sp

    shapes = {"pa": (14328, 4057), "pc": (14328, 20), "pt": (14328, 7723)}
    links = {}
    for name, shape in shapes.items():
        pairs = numpy.loadtxt(folder / f"{name}.txt", dtype=int)
        links[name] = sp.csr_matrix((numpy.ones(len(pairs)), pairs.T), shape=shape)
    papers = links["pa"].T
    for middle in "ct":
        step = papers @ links[f"p{middle}"]
        for name, product in {
            f"nei_ap{middle}p": (step @ links[f"p{middle}"].T).astype(bool).astype(float),
            f"ap{middle}pa": step @ step.T,
        }.items():
            if not (folder / f"{name}.npz").is_file():
                sp.save_npz(folder / f"{name}.npz", sp.csr_matrix(product))


def patch_environment(threads: int) -> None:
    """Gives the official code what it asks of a GPU and of an old numpy."""
    import numpy
    import torch

    torch.set_num_threads(threads)
    vars(numpy)["float"] = float
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *args, **kwargs: self
    patch_faiss(threads)


def patch_faiss(threads: int) -> None:
    import faiss

    class Clustering(faiss.Clustering):
        gpu = True

        def __setattr__(self, name, value):
            if name != "gpu":
                super().__setattr__(name, value)

    faiss.omp_set_num_threads(threads)
    faiss.Clustering = Clustering
    faiss.StandardGpuResources = faiss.GpuIndexFlatConfig = type("Nothing", (), {})
    faiss.GpuIndexFlatIP = lambda resources, dim, config: faiss.IndexFlatIP(dim)


def report(rows: dict[str, list[tuple[float, float]]], threads: int) -> None:
    for name, values in rows.items():
        times = [seconds for seconds, _ in values]
        print(
            f"{name:9} {median(times):.3f} s an epoch ({min(times):.3f} to {max(times):.3f}, "
            f"n = {len(times)}, {threads} threads), peak {max(peak for _, peak in values):.0f} MB"
        )
    ours = [seconds for seconds, _ in rows["ours"]]
    if len(ours) > 1:
        print(f"ours against itself: {median(ours[::2]) / median(ours[1::2]):.3f}")
    if "official" in rows:
        theirs = median(seconds for seconds, _ in rows["official"])
        print(f"official / ours: {theirs / median(ours):.2f}")


if __name__ == "__main__":
    main()
