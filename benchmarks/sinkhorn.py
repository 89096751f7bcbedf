"""Sinkhorn's time and peak memory: ours, shifted, against the textbook's plain exponentials.

    python -m benchmarks.sinkhorn                 # 4096 samples x 3000 prototypes, float32
    python -m benchmarks.sinkhorn --device cuda

Peak memory is what is held at once beyond the scores. On a CPU it is the growth of the process's
peak resident size, taken in a process of its own for each contestant.
"""

import multiprocessing
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from benchmarks.timing import (
    interleave,
    parse,
    parser,
    peak_resident_bytes,
    report,
    timed,
)
from common.losses.sinkhorn import sinkhorn

EPSILON, ITERATIONS = 0.05, 3


@torch.no_grad()
def textbook(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Returns the codes by dividing sums out of ``exp(scores / epsilon)``, in place."""
    q = (scores / epsilon).exp_()
    q /= q.sum()
    batch, prototypes = q.shape
    for _ in range(iterations):
        q /= q.sum(dim=0, keepdim=True) * prototypes
        q /= q.sum(dim=1, keepdim=True) * batch
    return q.mul_(batch)


CONTESTANTS = {"textbook": textbook, "ours, shifted": sinkhorn}


def make_scores(samples: int, prototypes: int, device: str) -> Tensor:
    """Returns cosines as at initialisation, ``(samples, prototypes)``."""
    generator = torch.Generator().manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(samples, 128, generator=generator), dim=1)
    rows = torch.nn.functional.normalize(torch.randn(prototypes, 128, generator=generator), dim=1)
    return (z @ rows.T).to(device)


def solved(name: str, scores: Tensor) -> Callable[[], None]:
    """Makes one solution with contestant ``name``, waiting for a GPU to finish."""

    def solve() -> None:
        CONTESTANTS[name](scores, EPSILON, ITERATIONS)
        if scores.is_cuda:
            torch.cuda.synchronize()

    return solve


def peak_bytes(name: str, shape: tuple[int, int], device: str, threads: int) -> int:
    """Returns the bytes that a solution holds at most beyond the scores."""
    torch.set_num_threads(threads)
    scores = make_scores(*shape, device)
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        solved(name, scores)()
        return torch.cuda.max_memory_allocated() - before
    solved(name, scores[:8])()  # what the first call loads is not counted
    before = peak_resident_bytes()
    solved(name, scores)()
    return peak_resident_bytes() - before


def measure(shape: tuple[int, int], device: str, threads: int, rounds: int, clock: str) -> None:
    """Prints times, ratios, peaks and how far the two results are from a float64 one."""
    scores = make_scores(*shape, device)
    runs = {name: timed(solved(name, scores), 3, clock) for name in CONTESTANTS}
    runs["textbook, again"] = timed(solved("textbook", scores), 3, clock)
    timings = interleave(runs, rounds)
    where = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    size = scores.numel() * scores.element_size()
    print(f"-- {shape[0]} x {shape[1]}, float32 ({size / 2**20:.0f} MiB), {where}")
    report(timings, "textbook")
    exact = sinkhorn(scores.double(), EPSILON, ITERATIONS)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name, solve in CONTESTANTS.items():
            error = (solve(scores, EPSILON, ITERATIONS) - exact).abs().max() / exact.max()
            tasks = [(name, shape, device, threads)] * 3
            peak = median(pool.starmap(peak_bytes, tasks, chunksize=1))
            print(
                f"{name:28s} peak {peak / 2**20:.0f} MiB, error {float(error):.1e} of the largest"
            )


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--samples", type=int, default=4096)
    options.add_argument("--prototypes", type=int, default=3000)
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    chosen = parse(options)
    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device here; leave --device out to measure the CPU")
    shape = (chosen.samples, chosen.prototypes)
    measure(shape, chosen.device, chosen.threads, chosen.rounds, chosen.clock)
