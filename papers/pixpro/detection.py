"""Fine-tunes a detector on a copy of the backbone and measures its average precision."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from common.backbones.modes import evaluating, training
from common.data.images.evaluation import ObjectImages
from common.data.images.sets import Objects
from common.distributed.batch_norm import LocalBatchNorm, convert_batch_norm
from common.distributed.draws import keyed_generator
from common.errors import ConfigError
from common.evaluation.features import ImageInputs
from common.evaluation.progress import show_progress
from common.evaluation.scores import keep
from papers.pixpro.config import DetectionConfig
from papers.pixpro.detectors import build_detector

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
DETECTION_STREAM = 2**45
Examples = list[tuple[Tensor, Objects]]


def evaluate_detection(
    inputs: ImageInputs, settings: DetectionConfig, seed: int
) -> dict[str, float]:
    """Average precision of the last iteration's detector, in per cent.

    COCO's: ``detection_ap`` over overlaps of .5 to .95, ``detection_ap50``, ``detection_ap75``;
    with masks also ``detection_mask_ap`` and so on. All weights are trained, batch norms included.

    Args:
        inputs: The module, of whose backbone a copy is trained, and the images.
        settings: `DetectionConfig`.
        seed: Seed of the new layers, the order, the sizes and the mirrors.

    Raises:
        ConfigError: A backbone that the head cannot stand on, or a loss that is not finite.
    """
    if inputs.module is None:
        return {}
    train, test = inputs.object_pair
    network: Any = deepcopy(inputs.module.backbone)
    backbone = convert_batch_norm(network, LocalBatchNorm)
    # New weights, sampled proposals and sizes draw from the global generators.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        detector = build_detector(backbone, settings, train.num_classes, train.normalisation)
        detector = detector.requires_grad_(True).to(inputs.device)
        with training(detector):
            finetune(detector, train, settings, seed, inputs.device)
        with evaluating(detector):
            return measure(detector, test, settings, inputs.device)


def finetune(
    detector: nn.Module,
    train: ObjectImages,
    settings: DetectionConfig,
    seed: int,
    device: torch.device,
) -> None:
    """Trains all weights by SGD; the rate warms up linearly and falls by ten at the milestones."""
    optimizer = torch.optim.SGD(
        _groups(detector, settings.weight_decay), lr=settings.lr, momentum=settings.momentum
    )
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, settings))
    with show_progress("detection", settings.iterations) as advance, torch.enable_grad():
        for step, batch in enumerate(_batches(train, settings, seed)):
            images = [image.to(device) for image, _ in batch]
            targets = [_target(own.take(own.trained), device) for _, own in batch]
            losses = detector(images, targets)
            loss = sum(losses.values())
            if not bool(torch.isfinite(loss)):
                raise ConfigError(
                    f"evaluation.detection.lr={settings.lr}: the loss is not finite at iteration "
                    f"{step + 1}; lower it, or warm up for longer"
                )
            keep("detection", loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            advance(1, f"loss {loss.detach():.3f}")


def rate_at(step: int, settings: DetectionConfig) -> float:
    """Returns the share of the rate at ``step``: warm-up from a thousandth, then the drops."""
    drops = 0.1 ** sum(step >= milestone for milestone in settings.milestones)
    if step >= settings.warmup:
        return drops
    share = step / settings.warmup
    return drops * (0.001 * (1 - share) + share)


def _groups(detector: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Returns the parameters; batch norms do not decay."""
    norms = {
        id(parameter)
        for module in detector.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        for parameter in module.parameters(recurse=False)
    }
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for parameter in detector.parameters():
        groups[id(parameter) in norms].append(parameter)
    decays = ((False, weight_decay), (True, 0.0))
    return [{"params": groups[norm], "weight_decay": decay} for norm, decay in decays]


def _batches(train: ObjectImages, settings: DetectionConfig, seed: int) -> Iterator[Examples]:
    """Yields ``settings.iterations`` batches, a function of ``seed``; half of them mirrored."""
    size, needed = settings.batch_size, settings.iterations * settings.batch_size
    order: list[int] = []
    while len(order) < needed:
        generator = keyed_generator(seed, DETECTION_STREAM + len(order) // len(train))
        order += torch.randperm(len(train), generator=generator).tolist()
    mirrors = torch.rand(needed, generator=keyed_generator(seed, DETECTION_STREAM - 1))
    loader = DataLoader(
        train, size, sampler=order[:needed], num_workers=train.workers, collate_fn=list
    )
    for number, batch in enumerate(loader):
        drawn = mirrors[number * size :][: len(batch)] < settings.flip
        yield [
            mirrored(*example) if flip else example
            for example, flip in zip(batch, drawn.tolist(), strict=True)
        ]


def mirrored(image: Tensor, objects: Objects) -> tuple[Tensor, Objects]:
    """Returns both with left and right exchanged."""
    left, top, right, bottom = objects.boxes.unbind(1)
    width = image.shape[2]
    boxes = torch.stack([width - right, top, width - left, bottom], 1)
    masks = None if objects.masks is None else objects.masks.flip(2)
    return image.flip(2), objects._replace(boxes=boxes, masks=masks)


def _target(objects: Objects, device: torch.device) -> dict[str, Tensor]:
    """Returns what torchvision's detectors learn from: class 0 is the background."""
    target = {"boxes": objects.boxes.to(device), "labels": objects.classes.to(device) + 1}
    if objects.masks is not None:
        target["masks"] = objects.masks.to(device, torch.uint8)
    return target


@torch.no_grad()
def measure(
    detector: nn.Module, test: ObjectImages, settings: DetectionConfig, device: torch.device
) -> dict[str, float]:
    """Returns the metrics of `evaluate_detection`."""
    from torchmetrics.detection import MeanAveragePrecision

    kinds: dict[str, Literal["bbox", "segm"]] = {"": "bbox"}
    if settings.masks:
        kinds["mask_"] = "segm"
    metric = MeanAveragePrecision(iou_type=tuple(kinds.values()))
    loader = DataLoader(test, 1, num_workers=test.workers, collate_fn=list)
    with show_progress("detection, test", len(test)) as advance:
        for [(image, objects)] in loader:
            (found,) = detector([image.to(device)])
            wanted = {
                **_target(objects, torch.device("cpu")),
                "iscrowd": (~objects.tested).long(),
            }
            if settings.masks:
                wanted["masks"] = wanted["masks"].bool()
                found["masks"] = found["masks"][:, 0] > 0.5
            metric.update([{name: part.cpu() for name, part in found.items()}], [wanted])
            advance(1, "")
    values = metric.compute()
    # torchmetrics prefixes its keys where there are two kinds.
    theirs = {ours: f"{kind}_map" if settings.masks else "map" for ours, kind in kinds.items()}
    return {
        f"detection_{ours}ap{level.removeprefix('_')}": 100 * float(values[key + level])
        for ours, key in theirs.items()
        for level in ("", "_50", "_75")
    }
