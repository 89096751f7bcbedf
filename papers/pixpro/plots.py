"""PixPro's own plot: where the cells of one view find their likes in another view."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.images.evaluation import DenseImages
from common.data.images.module import ImageData
from common.evaluation.frozen import map_frozen
from papers.pixpro.correspondence import places
from papers.pixpro.geometry import cell_distances

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMAGES, LINES = 4, 12
SEED = 0
RIGHT, WRONG = "#2a9d4a", "#d1495b"


def draw(module: nn.Module, data: ImageData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots; none for a module without feature map."""
    if not hasattr(getattr(module, "backbone", None), "feature_map"):
        return {}
    return {"correspondence": lambda: draw_correspondence(module, data)}


def draw_correspondence(module: nn.Module, data: ImageData) -> "Figure":
    """Draws pairs of views with a line from some cells to their most similar ones.

    Green where these show the same place; of test images, or training ones where there are none.
    """
    from matplotlib.figure import Figure

    split = data.set["test" if "test" in data.set else "train"]
    some = split.rows(torch.arange(min(IMAGES, len(split))))
    device = next(module.parameters()).device
    batch = next(iter(DenseImages(some, data.config).pairs((SEED, 0), device)))
    maps = [map_frozen(module, view) for view in batch.views]
    first, second, right = matches(maps, places(batch), data_threshold(module))
    figure = Figure(figsize=(4.4, 2.3 * len(some)))
    grid = figure.subplots(len(some), 1, squeeze=False)[:, 0]
    for row, axes in enumerate(grid):
        views = [shown(view[row], data.config) for view in batch.views]
        draw_pair(axes, views, maps, first[row], second[row], right[row])
    total = int((first >= 0).sum())
    figure.suptitle(
        f"Cells and their most similar ones in another view: {int(right.sum())} of {total} show "
        "the same place",
        fontsize=9,
        wrap=True,
    )
    return figure


def data_threshold(module: Any) -> float:
    """Returns the distance below which the method calls cells corresponding; PixPro's 0.7."""
    return float(getattr(module.method, "threshold", 0.7))


def matches(
    maps: list[Tensor], coordinates: list[Tensor], threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns for each image (lines,) cells of the first view, their nearest, whether right.

    Cells without a counterpart are left out: -1 fills up.

    Args:
        maps: Two of (batch, channels, rows, columns).
        coordinates: Coordinates of each view (batch, 4).
        threshold: See `cell_distances`.
    """
    sizes = [(x.shape[2], x.shape[3]) for x in maps]
    one, other = (F.normalize(x, dim=1).flatten(2) for x in maps)
    positive = cell_distances(coordinates[0], coordinates[1], *sizes) < threshold
    nearest = (one.transpose(1, 2) @ other).argmax(2)
    batch = len(positive)
    first = torch.full((batch, LINES), -1)
    second, right = first.clone(), torch.zeros(batch, LINES, dtype=torch.bool)
    for row in range(batch):
        cells = positive[row].any(1).nonzero()[:, 0].cpu()
        # Spread over all that can be found.
        kept = cells[torch.linspace(0, len(cells) - 1, min(LINES, len(cells))).long()]
        first[row, : len(kept)] = kept
        second[row, : len(kept)] = nearest[row].cpu()[kept]
        right[row, : len(kept)] = positive[row].cpu()[kept, second[row, : len(kept)]]
    return first, second, right


def shown(view: Tensor, config: Any) -> Tensor:
    """Returns ``(height, width, 3)`` in 0..1: normalisation undone, noise and shifts cut off."""
    x = view.cpu()
    if config.mean:
        x = x * x.new_tensor(config.std)[:, None, None] + x.new_tensor(config.mean)[:, None, None]
    return x.clamp(0, 1).expand(3, *x.shape[1:]).movedim(0, 2)


def draw_pair(
    axes: "Axes",
    views: list[Tensor],
    maps: list[Tensor],
    first: Tensor,
    second: Tensor,
    right: Tensor,
) -> None:
    """Draws two views beside each other, and a line for each match."""
    offset = views[0].shape[1] * 1.1
    for view, left in zip(views, (0.0, offset), strict=True):
        height, width = view.shape[:2]
        axes.imshow(view.numpy(), extent=(left, left + width, height, 0), interpolation="nearest")
    for start, end, good in zip(first.tolist(), second.tolist(), right.tolist(), strict=True):
        if start >= 0:
            x1, y1 = centre(start, maps[0], views[0])
            x2, y2 = centre(end, maps[1], views[1])
            colour = RIGHT if good else WRONG
            axes.plot([x1, x2 + offset], [y1, y2], "o-", color=colour, markersize=3, linewidth=0.8)
    axes.set_xlim(0, offset + views[1].shape[1])
    axes.set_ylim(max(view.shape[0] for view in views), 0)
    axes.set_axis_off()


def centre(cell: int, maps: Tensor, view: Tensor) -> tuple[float, float]:
    """Returns x and y of a cell's centre in pixels of its view."""
    row, column = divmod(cell, maps.shape[3])
    height, width = view.shape[:2]
    return (column + 0.5) * width / maps.shape[3], (row + 0.5) * height / maps.shape[2]
