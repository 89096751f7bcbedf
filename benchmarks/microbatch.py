"""Time and memory of a training step whose encoders take the batch in parts, and whole.

    python -m benchmarks.microbatch [--method clip] [--batch 4096] [--part 128] [--rounds 3]

A small vision transformer (12 layers of 64, images of 12 pixels in patches of 4) and, for CLIP, a
text tower of 6 layers of 64 over 12 tokens. The contestants take turns, each in a process of its
own. Peak memory is what a process's resident size grows by from the loaded model and batch,
gradients included.
"""

import argparse
import subprocess
import sys
from statistics import median
from typing import Any

import torch

from benchmarks.timing import CLOCKS, peak_resident_bytes
from common.backbones.text_config import TextTowerConfig
from common.backbones.vit import ViT
from common.data.image_text.config import ImageTextFacts
from common.data.images.config import ImageFacts
from common.methods.clip import CLIP
from common.methods.config import CLIPConfig, SimCLRConfig
from common.methods.simclr import SimCLR
from common.training.microbatch import Microbatch

PIXELS, TOKENS, WORDS, WIDTH = 12, 12, 1000, 64


def build(method: str, batch: int) -> tuple[Any, Any]:
    """Returns the module and a batch of noise."""
    torch.manual_seed(0)
    vit = ViT(WIDTH, 4, stem="cifar")
    images = torch.randn(2, batch, 3, PIXELS, PIXELS)
    if method == "simclr":
        config = SimCLRConfig(hidden_dim=256, output_dim=128)
        module = SimCLR(config, None, ImageFacts(3, PIXELS), vit)
        return module, ([*images], torch.zeros(batch))
    text = TextTowerConfig(width=WIDTH, layers=6, heads=4)
    facts = ImageTextFacts(WORDS, eot=WORDS - 1, context=TOKENS, image_size=PIXELS)
    module = CLIP(CLIPConfig(dim=128, text=text), None, facts, vit)
    return module, (images[0], torch.randint(WORDS, (batch, TOKENS)))


def work(options: argparse.Namespace) -> None:
    """Answers each line with the seconds of a step, the peak MB above the start, and the loss."""
    module, batch = build(options.method, options.batch)
    before, now = peak_resident_bytes(), CLOCKS[options.clock]
    callback = Microbatch(options.size)
    for _ in sys.stdin:
        started = now()
        if options.size:
            callback.on_train_batch_start(None, module, batch, 0)
        loss = module.training_step(batch, 0)
        loss.backward()
        callback.on_exception(None, module, None)
        module.zero_grad()
        seconds, peak = now() - started, (peak_resident_bytes() - before) / 2**20
        print(seconds, peak, loss.item(), flush=True)


def measure(options: argparse.Namespace, sizes: list[int]) -> dict[int, list[list[float]]]:
    """Returns rows of seconds, MB and loss, a row a round, for each size; one round is warm-up."""
    passed = ("method", "batch", "clock", "threads")
    words = [f"--{name}={getattr(options, name)}" for name in passed]
    command = [sys.executable, "-m", "benchmarks.microbatch", *words, "--size"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = {size: subprocess.Popen([*command, str(size)], **pipes) for size in sizes}
    rows: dict[int, list[list[float]]] = {size: [] for size in sizes}
    for _ in range(options.rounds + 1):
        for size, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            rows[size].append([float(word) for word in worker.stdout.readline().split()])
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return {size: found[1:] for size, found in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=("simclr", "clip"), default="simclr")
    for name, value in (("batch", 4096), ("part", 128), ("threads", 1), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="cpu")
    parser.add_argument("--only-parts", action="store_true", help="where a whole batch is too much")
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.size is not None:
        return work(options)
    sizes = [options.part] if options.only_parts else [0, options.part]
    rows = measure(options, sizes)
    print(f"{options.method}, batch {options.batch}")
    for size, found in rows.items():
        seconds, peak = [row[0] for row in found], max(row[1] for row in found)
        print(
            f"{f'parts of {size}' if size else 'whole':13} {median(seconds):7.2f} s "
            f"({min(seconds):.2f} to {max(seconds):.2f}), peak {peak:6.0f} MB, "
            f"loss {found[0][2]:.5f}"
        )
    if not options.only_parts:
        pairs = list(zip(rows[options.part], rows[0], strict=True))
        times = sorted(mine[0] / other[0] for mine, other in pairs)
        memory = median(mine[1] / other[1] for mine, other in pairs)
        print(f"time {median(times):.3f} [{times[0]:.3f} .. {times[-1]:.3f}], memory {memory:.3f}")


if __name__ == "__main__":
    main()
