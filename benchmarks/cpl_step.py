"""A step of CPL against the bare backbone with a linear layer on the same images.

    python -m benchmarks.cpl_step

Sizes of `quick`: forensic_conv, 64 images of 64 pixels, half of them labelled, 20 heads, Adam.
"""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.timing import interleave, parse, parser, report, timed
from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.targets.open_world.batch import OpenWorldBatch
from common.data.targets.open_world.config import OpenWorldFacts
from papers.owdfa_cpl.backbone import ForensicConv
from papers.owdfa_cpl.config import CPLConfig
from papers.owdfa_cpl.module import CPL

SIZE, BATCH, HEADS = 64, 64, 20


def make_batch() -> OpenWorldBatch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, 3, SIZE, SIZE, generator=generator)
    labels, rows = torch.arange(BATCH // 2) % 8, torch.arange(BATCH)
    return OpenWorldBatch(images, labels, rows[BATCH // 2 :], rows, BatchKey(rows, 0, 0, 0, BATCH))


def cpl_step(batch: OpenWorldBatch, **options: object) -> Callable[[], None]:
    facts = OpenWorldFacts(3, SIZE, HEADS, 8, 3400, 2200)
    module = CPL(CPLConfig(backbone="forensic_conv", **options), OptimizerConfig(), facts)  # type: ignore[arg-type]
    module._trainer = SimpleNamespace(log_every_n_steps=0)  # type: ignore[assignment]
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        module.training_step(batch, 0).backward()
        optimizer.step()

    return step


def bare_step(batch: OpenWorldBatch) -> Callable[[], None]:
    backbone = ForensicConv()
    network = nn.Sequential(backbone, nn.Linear(backbone.num_features, HEADS))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    targets = torch.arange(BATCH) % HEADS

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(batch.images), targets).backward()
        optimizer.step()

    return step


def measure_step(rounds: int, clock: str) -> None:
    batch = make_batch()
    steps = {"bare backbone": bare_step(batch), "bare backbone, again": bare_step(batch)}
    steps["CPL"] = cpl_step(batch)
    steps["CPL, FlexMatch's rule"] = cpl_step(batch, pseudo_labels="flex")
    timings = interleave({name: timed(step, 5, clock) for name, step in steps.items()}, rounds)
    report(timings, "bare backbone")


if __name__ == "__main__":
    chosen = parse(parser(__doc__.splitlines()[0]))
    measure_step(chosen.rounds, chosen.clock)
