"""Time and memory of AMCL's loss, forward and backward, chunk by chunk and all at once.

    python -m benchmarks.amcl_loss [--batch 4096] [--heads 3] [--dim 128] [--chunks 256,512,1024]

SimCLR's pairs: of ``2 * batch`` anchors each has ``2 * batch - 2`` negatives. A chunk of that many
anchors is held at once; ``whole`` is a chunk of all of them, what an implementation without chunks
holds. Each runs in a process of its own; they take turns. Peak memory is what the process's
resident size grows by, gradients included.
"""

import argparse
import subprocess
import sys
from statistics import median

import torch

from benchmarks.timing import CLOCKS, peak_resident_bytes
from papers.amcl import loss as loss_module
from papers.amcl.loss import Rule, contrast_views
from papers.amcl.temperature import TemperatureNetwork

FORMS = {"top-k": Rule(), "log-sum-exp": Rule(low=0.05, log_sum_exp=True)}


def work(options: argparse.Namespace) -> None:
    """Answers each line with the seconds, the peak resident MB above the start, and the loss."""
    loss_module.CHUNK_ROWS = options.chunk
    generator = torch.Generator().manual_seed(0)
    shape = options.batch, options.heads, options.dim
    z1, z2 = (torch.randn(shape, generator=generator).requires_grad_() for _ in range(2))
    torch.manual_seed(0)
    phi, rule = TemperatureNetwork(options.dim, options.dim), FORMS[options.form]
    before, now = peak_resident_bytes(), CLOCKS[options.clock]
    for _ in sys.stdin:
        started = now()
        z1.grad = z2.grad = None
        loss = contrast_views(z1, z2, phi, rule).loss
        loss.backward()
        seconds, peak = now() - started, (peak_resident_bytes() - before) / 2**20
        print(seconds, peak, loss.item(), flush=True)


def measure(options: argparse.Namespace, chunks: dict[str, int]) -> dict[str, list[list[float]]]:
    """Returns rows of seconds, MB and loss, a row a round, for each chunk; one round is warm-up."""
    passed = ("batch", "heads", "dim", "form", "threads", "clock")
    words = [f"--{name}={getattr(options, name)}" for name in passed]
    command = [sys.executable, "-m", "benchmarks.amcl_loss", *words, "--chunk"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = {name: subprocess.Popen([*command, str(c)], **pipes) for name, c in chunks.items()}
    rows: dict[str, list[list[float]]] = {name: [] for name in chunks}
    for _ in range(options.rounds + 1):
        for name, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            rows[name].append([float(word) for word in worker.stdout.readline().split()])
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return {name: found[1:] for name, found in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("batch", 4096), ("heads", 3), ("dim", 128), ("threads", 1), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--form", choices=FORMS, default="top-k")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    parser.add_argument("--chunks", default="256,512,1024")
    parser.add_argument("--whole", action="store_true", help="also all anchors at once")
    parser.add_argument("--chunk", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.chunk:
        return work(options)
    chunks = {f"chunks of {size}": int(size) for size in options.chunks.split(",") if size}
    if options.whole:
        chunks["whole"] = 2 * options.batch
    print(f"{options.form}, batch {options.batch}, {options.heads} heads, dim {options.dim}")
    for name, rows in measure(options, chunks).items():
        seconds, peak = [row[0] for row in rows], max(row[1] for row in rows)
        print(
            f"{name:15} {median(seconds):7.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), peak "
            f"{peak:7.0f} MB, {4e-6 * chunks[name] * 2 * options.batch:.0f} MB a matrix of "
            f"chunk x negatives, loss {rows[0][2]:.4f}"
        )


if __name__ == "__main__":
    main()
