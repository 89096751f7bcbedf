"""A step of SwAV against the bare backbone and, where it is, lightly's in a bare loop.

    python -m benchmarks.swav_step
    pip install --no-deps --target DIR lightly
    python -m benchmarks.swav_step --backbone small_conv --batch 256 --peer-path DIR

2 views of 32 and 6 of 18 pixels, 300 prototypes, SGD; every contestant gets the same views in the
same passes, so that head, prototypes and loss are what differs.
"""

import importlib.metadata
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import interleave, parse, parser, report, timed
from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.registry import BACKBONES
from papers.swav.config import SwAVConfig
from papers.swav.module import SwAV

SIZES, PROTOTYPES = (32, 32, 18, 18, 18, 18, 18, 18), 300


def make_views(batch: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(batch, 3, size, size, generator=generator) for size in SIZES]


def grouped_features(backbone: nn.Module, views: list[Tensor]) -> Tensor:
    return torch.cat([backbone(torch.cat(views[:2])), backbone(torch.cat(views[2:]))])


def stepper(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    return step


def alone(module: Any) -> Any:
    """Returns ``module`` ready for steps without a Trainer, on which nothing is logged."""
    module.log = lambda *_, **__: None
    module._trainer = SimpleNamespace(log_every_n_steps=0)
    return module


def swav_step(name: str, views: list[Tensor]) -> Callable[[], None]:
    config = SwAVConfig(backbone=name, stem="cifar", num_prototypes=PROTOTYPES)
    module = alone(SwAV(config, OptimizerConfig()))
    batch = ViewBatch(views, torch.zeros(len(views[0])), None, [])  # type: ignore[arg-type]
    return stepper(module, lambda: module.training_step(batch, 0))


def backbone_step(name: str, views: list[Tensor]) -> Callable[[], None]:
    backbone = BACKBONES.get(name)(stem="cifar")
    return stepper(backbone, lambda: grouped_features(backbone, views).square().mean())


def lightly_step(name: str, views: list[Tensor]) -> Callable[[], None]:
    from lightly.loss import SwaVLoss
    from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes

    backbone, criterion = BACKBONES.get(name)(stem="cifar"), SwaVLoss()
    head = SwaVProjectionHead(backbone.num_features, 2048, 128)
    prototypes = SwaVPrototypes(128, PROTOTYPES)
    module = nn.ModuleList([backbone, head, prototypes])

    def loss() -> Tensor:
        prototypes.normalize()
        z = F.normalize(head(grouped_features(backbone, views)), dim=1)
        scores = list(prototypes(z).chunk(len(SIZES)))
        return criterion(scores[:2], scores[2:])

    return stepper(module, loss)


def peer_version(folder: str | None) -> str | None:
    """Returns the version of the lightly in ``folder``, or installed, or None."""
    if folder is not None:
        sys.path.append(folder)
    try:
        return importlib.metadata.version("lightly")
    except importlib.metadata.PackageNotFoundError:
        print("no lightly here: `pip install --no-deps --target DIR lightly`, --peer-path DIR")
        return None


def measure_step(name: str, batch: int, peer: str | None, rounds: int, clock: str) -> None:
    views = make_views(batch)
    steps = {
        "bare backbone": backbone_step(name, views),
        "bare backbone, again": backbone_step(name, views),
    }
    steps["SwAV"] = swav_step(name, views)
    if peer is not None:
        steps[f"lightly {peer}"] = lightly_step(name, views)
    timings = interleave({key: timed(step, 1, clock) for key, step in steps.items()}, rounds)
    print(f"-- {name}, batch {batch}")
    report(timings, "bare backbone")
    if peer is not None:
        report({key: timings[key] for key in ("SwAV", f"lightly {peer}")}, f"lightly {peer}")


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--backbone", choices=("resnet18", "small_conv"), default="resnet18")
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--peer-path", metavar="DIR", help="where lightly is, if not installed")
    chosen = parse(options)
    found = peer_version(chosen.peer_path)
    measure_step(chosen.backbone, chosen.batch, found, chosen.rounds, chosen.clock)
