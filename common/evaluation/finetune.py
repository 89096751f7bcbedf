"""Semi-supervised fine-tuning of the whole network on a share of the labels (SwAV, Table 1)."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from common.backbones.modes import evaluating, training
from common.distributed.batch_norm import LocalBatchNorm, convert_batch_norm
from common.distributed.draws import keyed_generator
from common.evaluation.accuracy import Curve
from common.evaluation.features import ImageInputs
from common.evaluation.image_config import FinetuneConfig
from common.evaluation.linear_sgd import step_on_labels
from common.evaluation.progress import show_progress, tell
from common.losses.precision import upcast

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
FINETUNE_STREAM = 2**43


def evaluate_finetune(inputs: ImageInputs, settings: FinetuneConfig, seed: int) -> dict[str, float]:
    """Accuracies in per cent of one fine-tuning for each share of the labels.

    For 1 %: ``finetune_1pct_top1`` of the last epoch, ``finetune_1pct_best_top1`` of the best one,
    chosen on the tested images as papers do, and its ``finetune_1pct_best_top5``; and
    ``finetune_1pct_labels``, how many labels were used.

    Args:
        inputs: The module, of which a copy is trained, and the images.
        settings: `FinetuneConfig`.
        seed: Seed of the draw of labels, the new classifier, the order and the crops.

    Raises:
        DataError: A list of names that cannot be read or does not fit the images.
    """
    metrics: dict[str, float] = {}
    if inputs.module is None:
        return metrics
    for number, share in enumerate(settings.shares):
        if settings.lists:
            rows = inputs.train.listed(settings.lists[number])
            source = f"listed in {settings.lists[number]}"
        else:
            generator = keyed_generator(seed, FINETUNE_STREAM, number)
            rows = draw_share(inputs.train.labels, share / 100, generator)
            source = f"drawn by seed {seed}, the same share of each class"
        tell(f"  finetune, {share:g} %: {len(rows):,} labels, {source}")
        name = f"finetune_{share:g}pct"
        # Weights of a new classifier and dropout draw from the global generators.
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            curve = _finetune(inputs, settings, number, rows, seed)
        metrics |= curve.metrics(name) | {f"{name}_labels": float(len(rows))}
    return metrics


def draw_share(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Returns rows that hold ``share`` of each class, and one of each at least."""
    order = torch.randperm(len(labels), generator=generator)
    rows = []
    for name in labels.unique():
        of_class = order[labels[order] == name]
        rows.append(of_class[: max(round(share * len(of_class)), 1)])
    return torch.cat(rows)


def _finetune(
    inputs: ImageInputs, settings: FinetuneConfig, number: int, rows: Tensor, seed: int
) -> Curve:
    network, curve = _Classifier(inputs), Curve()
    optimizer = torch.optim.SGD(
        [
            {"params": network.trunk.parameters(), "lr": settings.trunk_lr[number]},
            {"params": network.head.parameters(), "lr": settings.head_lr[number]},
        ],
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, settings.milestones, settings.decay)
    what = f"finetune, {len(rows):,} labels"
    with show_progress(what, settings.epochs * len(rows)) as advance:
        for epoch in range(settings.epochs):
            key = (seed, FINETUNE_STREAM + epoch)
            batches = inputs.train.augmented(
                rows, settings.crop, settings.batch_size, key, inputs.device
            )
            with training(network):
                for images, labels in batches:
                    # Batch norm cannot measure a single image.
                    if len(labels) > 1:
                        step_on_labels(network, optimizer, images, labels)
                    advance(len(labels), f"epoch {epoch + 1}/{settings.epochs}")
            schedule.step()
            with evaluating(network):
                scores = [network(images) for images in inputs.test.whole(inputs.device)]
            curve.add(torch.cat(scores), inputs.test.labels)
    return curve


class _Classifier(nn.Module):
    """A copy of the module with a linear classifier on its embedding.

    The whole batch is on this process, so its own statistics are what synchronised batch norm
    would have over several; other processes may not be evaluating.
    """

    def __init__(self, inputs: ImageInputs) -> None:
        super().__init__()
        self.trunk = convert_batch_norm(deepcopy(inputs.module), LocalBatchNorm)
        self.trunk.requires_grad_(True)
        head = nn.Linear(inputs.num_features, inputs.num_classes)
        self.head = head.to(inputs.one_embedded)

    def forward(self, images: Tensor) -> Tensor:
        """Returns scores ``(batch, num_classes)``."""
        return self.head(upcast(self.trunk.embed(images)))  # type: ignore[operator]
