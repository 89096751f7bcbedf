"""A step of PixPro beside the official code's, with the same backbone on the same images.

    git clone https://github.com/zdaxie/PixPro DIR
    python -m benchmarks.pixpro_official --official DIR --threads 1 --clock cpu

Sizes of the paper but the batch: 2 views of 224 pixels, projectors 4096 and 256 wide. `patch`
replaces the backbone by one convolution, so that what is left is the method; SGD on both sides.
The official code runs unchanged in a process group of one, but that batch norms are not turned
into torch's synchronised ones, which refuse a CPU. One first step is compared: the same loss.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.timing import interleave, parse, parser, report, timed
from common.config.schema import OptimizerConfig
from common.registry import BACKBONES
from papers.pixpro.config import PixProConfig
from papers.pixpro.module import PixPro

SIZE, BOXES = 224, ((0.0, 0.0, 0.8, 0.9), (0.2, 0.1, 1.0, 1.0))


class Patch(nn.Module):
    """One convolution to the map of a ResNet-50: ``(batch, 2048, 7, 7)``."""

    num_features = 2048

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, self.num_features, 32, stride=32)

    def feature_map(self, images: Tensor) -> Tensor:
        """Returns the map of ``images``, (batch, 3, 224, 224)."""
        return self.conv(images)


def build(name: str) -> Any:
    return Patch() if name == "patch" else BACKBONES.get(name)(stem="imagenet")


class Encoder(nn.Module):
    """One of our backbones as the official code calls its own."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        """Returns the map, as the official ResNet does when its head is left out."""
        return self.backbone.feature_map(images)


def official(folder: str, name: str, instance: float) -> Any:
    """Returns the official model around our backbone ``name``."""
    sys.path.append(folder)
    from contrast.models import PixPro as Official  # type: ignore[import-not-found]

    nn.SyncBatchNorm.convert_sync_batchnorm = staticmethod(lambda module, *_: module)  # type: ignore[method-assign]
    rendezvous = Path(tempfile.mkdtemp(), "store").as_uri()
    torch.distributed.init_process_group("gloo", rendezvous, rank=0, world_size=1)
    options = SimpleNamespace(
        pixpro_p=2.0,
        pixpro_momentum=0.99,
        pixpro_pos_ratio=0.7,
        pixpro_clamp_value=0.0,
        pixpro_transform_layer=1,
        pixpro_ins_loss_weight=instance,
        feature_dim=256,
        head_type="early_return",
        num_instances=1000,
        batch_size=1,
        epochs=100,
        start_epoch=1,
    )
    return Official(lambda **_: Encoder(build(name)), options)


def pairs(theirs: Any, ours: PixPro) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Yields the official networks, and ours that must hold the same weights."""
    momentum = ours.momentum_networks
    yield theirs.encoder.backbone, ours.backbone
    yield theirs.encoder_k.backbone, momentum["backbone"]
    yield theirs.projector, ours.projector
    yield theirs.projector_k, momentum["projector"]
    yield theirs.value_transform, ours.propagation.transform  # type: ignore[misc]
    if ours.predicts:
        yield theirs.projector_instance, ours.instance_projector
        yield theirs.projector_instance_k, momentum["instance_projector"]
        yield theirs.predictor, ours.predictor


@torch.no_grad()
def copy_weights(theirs: Any, ours: PixPro) -> None:
    for source, target in pairs(theirs, ours):
        given, taken = list(source.parameters()), list(target.parameters())
        for value, place in zip(given, taken, strict=True):
            place.copy_(value)


def stepper(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], float]:
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-4)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        value = loss()
        value.backward()
        optimizer.step()
        return float(value.detach())

    return step


def measure_step(folder: str, name: str, batch: int, instance: float, chosen: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    views = [torch.rand(batch, 3, SIZE, SIZE, generator=generator) for _ in range(2)]
    places = [torch.tensor([box]).expand(batch, 4) for box in BOXES]
    theirs = official(folder, name, instance)
    config = PixProConfig(zero_init_residual=False, instance_weight=instance)
    ours = PixPro(config, OptimizerConfig(), backbone=build(name))
    copy_weights(theirs, ours)
    step, their_step = (
        stepper(ours, lambda: ours.objective(views, places)[0]),
        stepper(theirs, lambda: theirs(*views, *places)),
    )

    def our_step() -> float:
        value = step()
        ours.follow(0.99)
        return value

    print(f"-- {name}, batch {batch}, instance branch {instance:g}")
    print(f"first loss: ours {our_step():.6f}, official {their_step():.6f}")
    steps = {"official": their_step, "official, again": their_step, "ours": our_step}
    timings = {key: timed(contestant, 1, chosen.clock) for key, contestant in steps.items()}
    found = interleave(timings, chosen.rounds)
    report(found, "official")


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--official", metavar="DIR", required=True, help="the official checkout")
    options.add_argument("--backbone", choices=("resnet50", "patch"), default="resnet50")
    options.add_argument("--batch", type=int, default=4)
    options.add_argument("--instance", type=float, default=0.0, help="weight of that branch")
    chosen = parse(options)
    measure_step(chosen.official, chosen.backbone, chosen.batch, chosen.instance, chosen)
