"""A step of PixPro against the bare work of its two backbones on the same images.

    python -m benchmarks.pixpro_step

Bare: forward of both views through the trained and the momentum backbone, backward through the
first; then the same with the projectors, which see every cell. Sizes of `quick`: small_conv, 2
views of 32 pixels in grey, batch 32, heads of 128 and 64. Operations are those of convolutions and
matrix products, counted by torch.
"""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import interleave, parse, parser, report, timed
from common.backbones.small_networks import SmallConv
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.optim.ema import momentum_copy, update_momentum
from papers.pixpro.config import PixProConfig
from papers.pixpro.layers import conv_mlp
from papers.pixpro.module import PixPro

SIZE, BATCH, IMAGE = 32, 32, 48


def make_batch() -> ViewBatch:
    generator = torch.Generator().manual_seed(0)
    views = [torch.rand(BATCH, 1, SIZE, SIZE, generator=generator) for _ in range(2)]
    box = torch.tensor([[4.0, 4.0, 40.0, 40.0, 0.0, 0.0]]).expand(BATCH, 6)
    sizes = torch.full((BATCH, 2), IMAGE)
    return ViewBatch(views, torch.zeros(BATCH), None, [box, box], sizes)  # type: ignore[arg-type]


def pixpro_step(batch: ViewBatch, **options: object) -> Callable[[], None]:
    config = PixProConfig(backbone="small_conv", hidden_dim=128, output_dim=64, **options)  # type: ignore[arg-type]
    module = PixPro(config, OptimizerConfig(), ImageFacts(channels=1))
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    module._trainer = SimpleNamespace(log_every_n_steps=0)  # type: ignore[assignment]
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        module.training_step(batch, 0).backward()
        optimizer.step()
        module.follow(0.99)

    return step


def bare_step(views: list[Tensor], heads: bool = False) -> Callable[[], None]:
    projector = [conv_mlp(64, 128, 64)] if heads else []
    backbone = nn.Sequential(*SmallConv(channels=1).layers, *projector)
    follower = momentum_copy(backbone)
    optimizer = torch.optim.Adam(backbone.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        maps = [backbone(view) for view in views]
        with torch.no_grad():
            for view in views:
                follower(view)
        torch.stack([x.square().mean() for x in maps]).sum().backward()
        optimizer.step()
        update_momentum(follower, backbone, 0.99)

    return step


def measure_step(rounds: int, clock: str) -> None:
    batch = make_batch()
    steps = {
        "bare backbones": bare_step(batch.views),
        "bare backbones, again": bare_step(batch.views),
    }
    steps["with projectors"] = bare_step(batch.views, heads=True)
    steps["PixPro"] = pixpro_step(batch)
    steps["PixPro, instance branch"] = pixpro_step(batch, instance_weight=1.0)
    for name, step in steps.items():
        with FlopCounterMode(display=False) as counter:
            step()
        print(f"{name:28s} {counter.get_total_flops() / 1e9:9.3f} thousand million operations")
    timings = interleave({name: timed(step, 5, clock) for name, step in steps.items()}, rounds)
    report(timings, "bare backbones")


if __name__ == "__main__":
    chosen = parse(parser(__doc__.splitlines()[0]))
    measure_step(chosen.rounds, chosen.clock)
