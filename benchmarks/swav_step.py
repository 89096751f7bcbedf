"""A step of SwAV with ResNet-18 against the bare backbone and lightly's loss in a bare loop.

    python -m benchmarks.swav_step

CIFAR stem, 2 views of 32 and 6 of 18 pixels, batch 64, SGD; every contestant gets the same views.
"""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import interleave, parse, parser, report, report_spread, timed
from common.backbones.resnet import resnet18
from common.config import OptimizerConfig
from common.data.pictures.batch import ViewBatch
from papers.swav.config import SwAVConfig
from papers.swav.module import SwAV

SIZES, BATCH, PROTOTYPES = (32, 32, 18, 18, 18, 18, 18, 18), 64, 300


def make_views() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(BATCH, 3, size, size, generator=generator) for size in SIZES]


def grouped_features(backbone: nn.Module, views: list[Tensor]) -> Tensor:
    return torch.cat([backbone(torch.cat(views[:2])), backbone(torch.cat(views[2:]))])


def stepper(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    return step


def swav_step(views: list[Tensor]) -> Callable[[], None]:
    config = SwAVConfig(backbone="resnet18", stem="cifar", num_prototypes=PROTOTYPES)
    module = SwAV(config, OptimizerConfig())
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    module._trainer = SimpleNamespace(log_every_n_steps=0)  # type: ignore[assignment]
    batch = ViewBatch(views, torch.zeros(BATCH), None, [])  # type: ignore[arg-type]
    return stepper(module, lambda: module.training_step(batch, 0))


def backbone_step(views: list[Tensor]) -> Callable[[], None]:
    backbone = resnet18(stem="cifar")
    return stepper(backbone, lambda: grouped_features(backbone, views).square().mean())


def lightly_step(views: list[Tensor]) -> Callable[[], None] | None:
    try:
        from lightly.loss import SwaVLoss
    except ImportError:
        print("lightly is not installed: `pip install lightly` to compare with its loss")
        return None
    backbone, criterion = resnet18(stem="cifar"), SwaVLoss()
    head = nn.Sequential(
        nn.Linear(512, 2048), nn.BatchNorm1d(2048), nn.ReLU(), nn.Linear(2048, 128)
    )
    prototypes = nn.Linear(128, PROTOTYPES, bias=False)
    module = nn.ModuleList([backbone, head, prototypes])

    def loss() -> Tensor:
        with torch.no_grad():
            prototypes.weight.copy_(F.normalize(prototypes.weight, dim=1))
        z = F.normalize(head(grouped_features(backbone, views)), dim=1)
        scores = list(prototypes(z).chunk(len(SIZES)))
        return criterion(scores[:2], scores[2:])

    return stepper(module, loss)


def measure_step(rounds: int) -> None:
    views = make_views()
    again = "bare backbone, again"
    steps = {"bare backbone": backbone_step(views), again: backbone_step(views)}
    steps["SwAV"] = swav_step(views)
    lightly = lightly_step(views)
    if lightly is not None:
        steps["lightly's loss, bare loop"] = lightly
    timings = interleave({name: timed(step, 1) for name, step in steps.items()}, rounds)
    report(timings, "bare backbone")
    report_spread(timings["bare backbone"], timings[again])


if __name__ == "__main__":
    measure_step(parse(parser(__doc__.splitlines()[0])).rounds)
