"""A step of AMCL, on SimCLR, and of SimLAP against the bare work of their backbone.

    python -m benchmarks.pair_step

Bare: forward of both views through the backbone, and backward. Plain SimCLR stands beside them.
Sizes of `cifar10-jpeg`: small_conv, 2 views of 32 pixels in colour, batch 256, heads of 128 and 64.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.swav_step import alone, stepper
from benchmarks.timing import interleave, parse, parser, report, timed
from common.backbones.small_networks import SmallConv
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.methods.config import SimCLRConfig
from common.methods.simclr import SimCLR
from papers.amcl.config import AMCLConfig
from papers.amcl.module import AMCL
from papers.hydra.config import SimLAPConfig
from papers.hydra.module import SimLAP

SIZE, BATCH, CLASSES = 32, 256, 10
HEAD: dict[str, Any] = {"backbone": "small_conv", "hidden_dim": 128, "output_dim": 64}


def make_step(module: Any, views: list[Tensor]) -> Callable[[], None]:
    batch = ViewBatch(views, torch.arange(BATCH) % CLASSES, None, [])  # type: ignore[arg-type]
    return stepper(alone(module), lambda: module.training_step(batch, 0))


def bare_step(views: list[Tensor]) -> Callable[[], None]:
    backbone = SmallConv(channels=3)
    return stepper(backbone, lambda: backbone(torch.cat(views)).square().mean())


def measure_step(rounds: int, clock: str) -> None:
    generator = torch.Generator().manual_seed(0)
    views = [torch.rand(BATCH, 3, SIZE, SIZE, generator=generator) for _ in range(2)]
    steps = {"bare backbone": bare_step(views), "bare backbone, again": bare_step(views)}
    steps["SimCLR"] = make_step(SimCLR(SimCLRConfig(**HEAD), OptimizerConfig()), views)
    for heads in (1, 3):
        config = AMCLConfig(**HEAD, num_heads=heads, temperature_hidden_dim=64)
        steps[f"AMCL, {heads} heads"] = make_step(AMCL(config, OptimizerConfig()), views)
    pairs = SimLAPConfig(**HEAD, projector_layers=2, gate_embedding_dim=32, gate_hidden_dim=64)
    facts = ImageFacts(num_classes=CLASSES)
    steps["SimLAP"] = make_step(SimLAP(pairs, OptimizerConfig(), facts), views)
    timings = interleave({name: timed(step, 3, clock) for name, step in steps.items()}, rounds)
    report(timings, "bare backbone")


if __name__ == "__main__":
    chosen = parse(parser(__doc__.splitlines()[0]))
    measure_step(chosen.rounds, chosen.clock)
