"""SwAV's own plot: the most used prototypes with their most typical images."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from common.data.images.module import ImageData
from common.plots.images import TRAIN_SAMPLE, EmbeddedImages, image_grid
from papers.swav.deepcluster import DeepClusterV2
from papers.swav.module import SwAV

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROTOTYPES, TYPICAL = 10, 8


def draw(module: nn.Module, data: ImageData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots; none for a baseline without prototypes."""
    if not isinstance(module, SwAV | DeepClusterV2):
        return {}
    return {"prototypes": lambda: draw_prototypes(module, data)}


def draw_prototypes(module: SwAV | DeepClusterV2, data: ImageData) -> "Figure":
    """Draws a row for each of the most used prototypes: the images of largest score.

    It takes the first of several clusterings.
    """
    train = EmbeddedImages(module, data, "train", TRAIN_SAMPLE)
    scores = train.map(lambda images: prototype_scores(module, images))
    counts, shown = most_used(scores, PROTOTYPES)
    typical = scores[:, shown].topk(min(TYPICAL, len(scores)), dim=0).indices.T
    cells = train.images(typical.flatten()).unflatten(0, typical.shape)
    labels = [f"no. {p}: {100 * int(counts[p]) / len(scores):.1f} %" for p in shown.tolist()]
    used = int((counts > 0).sum())
    nearest = "1 is" if used == 1 else f"{used} are"
    title = (
        f"The most used of {len(counts)} prototypes (share of {len(scores):,} training images) "
        f"with the images that score highest; {nearest} nearest to some image"
    )
    return image_grid(cells, title, [str(rank + 1) for rank in range(typical.shape[1])], labels)


def prototype_scores(module: SwAV | DeepClusterV2, images: Tensor) -> Tensor:
    """Returns ``(batch, prototypes)``."""
    scores = module.score(module.project([images])[0])
    return scores if isinstance(scores, Tensor) else scores[0]


def most_used(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Returns the images nearest to each prototype, and the prototypes with the most.

    Args:
        scores: ``(num, prototypes)``.
        count: The most prototypes to return; those without images are left out.
    """
    counts = torch.bincount(scores.argmax(1), minlength=scores.shape[1])
    order = counts.argsort(descending=True, stable=True)
    return counts, order[: min(count, int((counts > 0).sum()))]
