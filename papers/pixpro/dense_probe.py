"""A 1x1 convolution on frozen feature maps: what class each pixel belongs to."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.features import ImageInputs
from common.evaluation.progress import show_progress
from common.evaluation.scores import keep
from common.evaluation.vectors import inverse_scale
from papers.pixpro.config import DenseProbeConfig

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
DENSE_STREAM = 2**44


def evaluate_dense_probe(
    inputs: ImageInputs, settings: DenseProbeConfig, seed: int
) -> dict[str, float]:
    """Mean intersection over union, ``dense_miou``, and share of right pixels, in per cent.

    Maps of whole images are frozen, and standardised per channel. The convolution learns each
    cell's classes, as many pixels as each has; tested scores are enlarged bilinearly to the
    images. The mean is over classes that occur in the tested images; ``dense_object_miou``
    leaves out class 0, which is the background of most sets. Pixels without class count nowhere.
    No augmentation: this is a fast probe, not a paper's protocol.

    Args:
        inputs: The module and the images with their label maps.
        settings: `DenseProbeConfig`.
        seed: Seed of the order of the batches.

    Raises:
        DataError: Images without label maps.
    """
    if inputs.module is None:
        return {}
    train, test = inputs.dense_pair
    num_classes = int(max(train.label_maps.max(), test.label_maps.max())) + 1
    maps = torch.cat([inputs.embed_map(images) for images in train.whole(inputs.device)])
    mean, factor = channel_scale(maps)
    size = maps.shape[2], maps.shape[3]
    targets = cell_classes(train.label_maps, num_classes, size).to(maps.device)
    generator = keyed_generator(seed, DENSE_STREAM)
    weight, bias = fit_cells(maps.sub_(mean).mul_(factor), targets, settings, generator)
    counts, first = torch.zeros(num_classes, num_classes, dtype=torch.int64), 0
    for images in test.whole(inputs.device):
        x = (inputs.embed_map(images) - mean) * factor
        labels = test.label_maps[first : first + len(images)].to(x.device)
        scores = F.conv2d(x, weight[:, :, None, None], bias)
        keep("dense-probe", scores)
        counts += confusion(scores, labels).cpu()
        first += len(images)
    return metrics(counts)


def channel_scale(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and `inverse_scale` of each channel of ``(num, channels, rows, columns)``."""
    mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)
    return mean[:, None, None], inverse_scale(mean, std)[:, None, None]


def cell_classes(label_maps: Tensor, num_classes: int, size: tuple[int, int]) -> Tensor:
    """Returns (num, num_classes, rows, columns): how many pixels of a cell have each class.

    A pixel belongs to the cell that its centre lies in, when ``size`` cells cover the image.
    """
    num, height, width = label_maps.shape
    row = torch.arange(height) * size[0] // height
    column = torch.arange(width) * size[1] // width
    cell = row[:, None] * size[1] + column
    known = label_maps >= 0
    counts = torch.zeros(num, num_classes * size[0] * size[1])
    places = label_maps.clamp(min=0) * (size[0] * size[1]) + cell
    counts.scatter_add_(1, places.flatten(1), known.flatten(1).float())
    return counts.view(num, num_classes, *size)


def fit_cells(
    x: Tensor, targets: Tensor, settings: DenseProbeConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Returns weight (num_classes, channels) and bias (num_classes,) of the convolution.

    Adam from zero on the mean cross-entropy of all pixels in a batch, with the rate going to zero
    along a half cosine.
    """
    num_classes = targets.shape[1]
    weight = x.new_zeros(num_classes, x.shape[1]).requires_grad_()
    bias = x.new_zeros(num_classes).requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr)
    steps = settings.epochs * -(-len(x) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    with torch.enable_grad(), show_progress("dense-probe", settings.epochs * len(x)) as advance:
        for epoch in range(settings.epochs):
            order = torch.randperm(len(x), generator=generator).to(x.device)
            for rows in order.split(settings.batch_size):
                scores = F.conv2d(x[rows], weight[:, :, None, None], bias)
                pixels = targets[rows]
                summed = -(pixels * scores.log_softmax(1)).sum()
                loss = summed / pixels.sum().clamp(min=1)
                optimizer.zero_grad()
                (loss + settings.weight_decay / 2 * weight.square().sum()).backward()
                optimizer.step()
                schedule.step()
                advance(len(rows), f"epoch {epoch + 1}/{settings.epochs}")
    return weight.detach(), bias.detach()


def confusion(scores: Tensor, labels: Tensor) -> Tensor:
    """Returns (classes, classes): pixels of each class (row) by the one given to them (column).

    Args:
        scores: (batch, classes, rows, columns), enlarged bilinearly to the labels' size.
        labels: (batch, height, width), -1 where there is none.
    """
    num_classes, (height, width) = scores.shape[1], labels.shape[1:]
    enlarged = F.interpolate(scores, size=(height, width), mode="bilinear", align_corners=False)
    given, known = enlarged.argmax(1), labels >= 0
    pairs = labels[known] * num_classes + given[known]
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


def metrics(counts: Tensor) -> dict[str, float]:
    """Returns the metrics of a confusion matrix, see `evaluate_dense_probe`."""
    counts = counts.double()
    right, present = counts.diagonal(), counts.sum(1) > 0
    iou = right / (counts.sum(0) + counts.sum(1) - right).clamp(min=1)
    objects = present.clone()
    objects[0] = False
    return {
        "dense_miou": 100 * iou[present].mean().item(),
        "dense_object_miou": 100 * iou[objects].mean().item(),
        "dense_accuracy": 100 * (right.sum() / counts.sum()).item(),
    }
