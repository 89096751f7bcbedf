"""How evenly embeddings lie on the sphere, and how near to each other those of one class are."""

from typing import Any

import torch
from torch import Tensor

from common.backbones.modes import evaluating
from common.evaluation.features import ImageInputs
from common.evaluation.frozen import require_finite
from common.evaluation.image_config import UniformityToleranceConfig
from common.evaluation.scores import keep
from common.losses.precision import unit
from common.losses.spread import uniformity

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
SEPARATION_STREAM = 2**47
CHUNK = 1024


def evaluate_uniformity_tolerance(
    inputs: ImageInputs, settings: UniformityToleranceConfig, seed: int
) -> dict[str, float]:
    """Returns ``uniformity``, both readings of ``tolerance``, and the local separation.

    All are of what the loss compares: what the module projects, or its features if it has no
    ``project`` of images. Uniformity and tolerance are of whole tested images. The separation is
    of two views: ``positive_similarity``, and ``top_negative_1`` and so on, the similarities of
    the nearest other images.

    Args:
        inputs: The module and the images. ``module.project`` returns (batch, dim), or (batch,
            heads, dim), whose mean cosine counts.
        settings: `UniformityToleranceConfig`.
        seed: Seed of the images with two views, and of the views.
    """
    if inputs.module is None:
        return {}
    module: Any = inputs.module
    with torch.no_grad(), evaluating(module):
        whole = [contrasted(module, images) for images in inputs.test.whole(inputs.device)]
        batches = inputs.dense_pair[1].pairs(
            (seed, SEPARATION_STREAM), inputs.device, settings.max_images
        )
        pairs = [[contrasted(module, view) for view in batch.views[:2]] for batch in batches]
    f, labels = torch.cat(whole), inputs.test.labels
    first, second = (torch.cat(side) for side in zip(*pairs, strict=True))
    found = {
        "uniformity": uniformity(f, settings.t),
        "tolerance": tolerance(f, labels),
        "tolerance_eq11": tolerance(f, labels, all_pairs=True),
        "positive_similarity": (first * second).sum(1).mean(),
    }
    nearest = nearest_negatives(first, second, settings.top)
    found |= {f"top_negative_{place}": value for place, value in enumerate(nearest, 1)}
    keep("uniformity-tolerance", torch.stack(list(found.values())))
    return {name: value.item() for name, value in found.items()}


def contrasted(module: Any, images: Tensor) -> Tensor:
    """Returns unit rows of what is contrasted, in float64 on the CPU; raises where one is NaN."""
    encode = getattr(module, "project", module.embed)
    z = require_finite(unit(encode(images).cpu().double()))
    heads = z.shape[1:-1].numel()
    return z.flatten(1) / heads**0.5


def tolerance(f: Tensor, labels: Tensor, all_pairs: bool = False) -> Tensor:
    """Returns the mean product of two samples of one class (Eq. 11); no matrix of pairs is made.

    The paper's formula averages over all pairs, a sample with itself included, and counts 0
    where classes differ: it cannot exceed the share of pairs of one class. The values of its
    table do, so they are means over pairs of different samples of one class.

    Args:
        f: ``(num, dim)``, unit rows.
        labels: ``(num,)``, classes from 0 on.
        all_pairs: The formula to the letter. NaN without it where no class has two samples.
    """
    classes = int(labels.max()) + 1
    sums = f.new_zeros(classes, f.shape[1]).index_add(0, labels, f)
    if all_pairs:
        return sums.square().sum() / len(f) ** 2
    counts = torch.bincount(labels, minlength=classes)
    of_different = sums.square().sum() - f.square().sum()
    return of_different / (counts * (counts - 1)).sum()


def nearest_negatives(f: Tensor, g: Tensor, top: int) -> Tensor:
    """Returns the mean of the largest products with other rows, ``(top,)``, descending (Fig. 8).

    Args:
        f: ``(num, dim)``, unit anchors.
        g: ``(num, dim)``; row i is another view of the anchor i and no negative of it.
        top: How many; at most ``num - 1`` are returned.
    """
    top, total = min(top, len(f) - 1), f.new_zeros(())
    for start in range(0, len(f), CHUNK):
        scores = f[start : start + CHUNK] @ g.T
        own = torch.arange(len(scores))
        scores[own, start + own] = -torch.inf
        total = total + scores.topk(top).values.sum(0)
    return total / len(f)
