"""SwAV's step on a GPU as for ImageNet: images a second, memory, share outside the backbone.

    python -m benchmarks.gpu_swav                 # ResNet-50, 2 x 224 + 6 x 96, 64 images
    python -m benchmarks.gpu_swav --device cpu --crops small --batch 4   # does it run?

bf16 and channels-last, with and without compilation of the backbone, as `trainer.compile` does it.
The views are there beforehand. The share is what a step takes beyond the forward and backward pass
of its backbone on the same views: head, prototypes, codes, loss and optimizer.
"""

from collections.abc import Callable
from itertools import groupby

import torch
from torch import Tensor, nn

from benchmarks.swav_step import alone, stepper
from benchmarks.timing import interleave, parse, parser, report, timed
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from papers.swav.config import SwAVConfig
from papers.swav.module import SwAV

CROPS = {"imagenet": (224,) * 2 + (96,) * 6, "small": (32,) * 2 + (16,) * 2}


def make_views(crops: str, batch: int, device: str) -> list[Tensor]:
    shapes = [(batch, 3, size, size) for size in CROPS[crops]]
    return [
        torch.rand(shape, device=device).to(memory_format=torch.channels_last) for shape in shapes
    ]


def in_bf16(loss: Callable[[], Tensor], device: str) -> Callable[[], Tensor]:
    def run() -> Tensor:
        with torch.autocast(device, torch.bfloat16):
            return loss()

    return run


def finished(step: Callable[[], None], device: str) -> Callable[[], None]:
    """Returns ``step`` with a wait for the GPU at its end."""

    def run() -> None:
        step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def steps_of(views: list[Tensor], device: str, compiled: bool) -> dict[str, Callable[[], None]]:
    """Returns a whole step and the passes of its backbone alone."""
    module = alone(SwAV(SwAVConfig(backbone="resnet50"), OptimizerConfig()).to(device))
    backbone: nn.Module = module.backbone.to(memory_format=torch.channels_last)
    if compiled:
        backbone.compile()
    batch = ViewBatch(views, torch.zeros(len(views[0])), None, [])  # type: ignore[arg-type]
    groups = [torch.cat(list(group)) for _, group in groupby(views, lambda view: view.shape)]

    def passes() -> None:
        backbone.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            h = torch.cat([backbone(group) for group in groups])
        h.float().square().mean().backward()

    whole = stepper(module, in_bf16(lambda: module.training_step(batch, 0), device))
    return {"step": finished(whole, device), "backbone": finished(passes, device)}


def measure(crops: str, batch: int, device: str, compiled: bool, rounds: int, steps: int) -> None:
    contestants = steps_of(make_views(crops, batch, device), device, compiled)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    timings = interleave({name: timed(run, steps) for name, run in contestants.items()}, rounds)
    where = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"-- ResNet-50, {CROPS[crops]}, batch {batch}, compile={compiled}, {where}")
    report(timings, "backbone")
    whole, passes = timings["step"].median, timings["backbone"].median
    memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
    print(
        f"{batch / whole:.1f} images/s, peak {memory:.1f} GiB, "
        f"{1 - passes / whole:.1%} of the step outside the backbone"
    )


def require(device: str) -> None:
    """Raises `SystemExit` where there is no GPU to measure."""
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            "benchmarks.gpu_swav measures a CUDA device and there is none here; whether it runs "
            "shows --device cpu --crops small --batch 4"
        )


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options.add_argument("--crops", choices=tuple(CROPS), default="imagenet")
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--steps", type=int, default=5, help="steps a round")
    chosen = parse(options)
    require(chosen.device)
    # A CPU's compiler may be missing, and its speed is not the question.
    for compiled in (False, True) if chosen.device == "cuda" else (False,):
        measure(chosen.crops, chosen.batch, chosen.device, compiled, chosen.rounds, chosen.steps)
