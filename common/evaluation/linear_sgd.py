"""SwAV's linear protocol: SGD on frozen features of augmented images."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.distributed.draws import keyed_generator
from common.evaluation.accuracy import Curve
from common.evaluation.features import ImageInputs
from common.evaluation.image_config import LinearSgdConfig
from common.evaluation.progress import show_progress

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
LINEAR_SGD_STREAM = 2**42
INITIAL_STD = 0.01


def evaluate_linear_sgd(
    inputs: ImageInputs, settings: LinearSgdConfig, seed: int
) -> dict[str, float]:
    """Accuracies in per cent: ``linear_sgd_top1``, ``..._best_top1`` and ``..._best_top5``.

    The backbone stays in evaluation mode; every epoch sees new crops of the labelled images.
    Papers report the best epoch, chosen on the tested images; the plain key is the last one.

    Args:
        inputs: The module and the images.
        settings: `LinearSgdConfig`.
        seed: Seed of the initial weights, the order and the crops.
    """
    if inputs.module is None:
        return {}
    head, curve = _make_head(inputs, seed), Curve()
    optimizer = torch.optim.SGD(
        head.parameters(),
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    schedules = torch.optim.lr_scheduler
    schedule = (
        schedules.MultiStepLR(optimizer, settings.milestones, settings.decay)
        if settings.milestones
        else schedules.CosineAnnealingLR(optimizer, settings.epochs)
    )
    test_x = inputs.test_x.to(inputs.device)
    with show_progress("linear-sgd", settings.epochs * len(inputs.train.labels)) as advance:
        for epoch in range(settings.epochs):
            text = f"epoch {epoch + 1}/{settings.epochs}"
            for x, y in _features(inputs, settings, (seed, LINEAR_SGD_STREAM + epoch)):
                step_on_labels(head, optimizer, x, y)
                advance(len(y), text)
            schedule.step()
            curve.add(head(test_x), inputs.test.labels)
    return curve.metrics("linear_sgd")


def step_on_labels(
    network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor
) -> None:
    """Takes a step on the cross-entropy of ``network(x) (batch, classes)`` and ``labels``."""
    with torch.enable_grad():
        loss = F.cross_entropy(network(x), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _make_head(inputs: ImageInputs, seed: int) -> nn.Linear:
    """Returns the classifier: weights from N(0, 0.01), no bias at first."""
    sizes, dtype = (inputs.num_features, inputs.num_classes), inputs.one_embedded.dtype
    head = nn.utils.skip_init(nn.Linear, *sizes, dtype=dtype)
    nn.init.normal_(
        head.weight, std=INITIAL_STD, generator=keyed_generator(seed, LINEAR_SGD_STREAM)
    )
    nn.init.zeros_(head.bias)
    return head.to(inputs.device)


def _features(
    inputs: ImageInputs, settings: LinearSgdConfig, key: tuple[int, int]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields one epoch of frozen features and labels."""
    rows = torch.arange(len(inputs.train.labels))
    crops = inputs.train.augmented(rows, settings.crop, settings.batch_size, key, inputs.device)
    for images, labels in crops:
        yield inputs.embed(images), labels
