"""Images in rows and columns, with labels and frames."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F
from torchvision.utils import make_grid

from common.data.images.sets import to_float
from common.plots.style import OTHER, SAME, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 64
GAP = 8
INCHES = 0.72


def fit(images: Tensor | Sequence[Tensor]) -> Tensor:
    """Returns the central squares of images of any size, ``(num, 3, CELL, CELL)`` in 0..1."""
    return torch.stack([_fit(image) for image in images])


def _fit(image: Tensor) -> Tensor:
    x = to_float(image.cpu()).clamp(0, 1)
    # Other counts of channels have no colours of their own.
    x = x if len(x) in (1, 3) else x.mean(0, keepdim=True)
    # Pixels to be seen as such are doubled at least; 48 of them in 64 would be uneven.
    tiny = 2 * min(x.shape[1:]) <= CELL
    mode = InterpolationMode.NEAREST if tiny else InterpolationMode.BILINEAR
    x = F.center_crop(F.resize(x, [CELL], mode, antialias=not tiny), [CELL, CELL])
    return x.clamp(0, 1).expand(3, CELL, CELL)


def image_grid(
    cells: Tensor,
    title: str,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    same: Tensor | None = None,
) -> "Figure":
    """Returns a figure of images with a label over each column and beside each row.

    Args:
        cells: ``(rows, columns, 3, CELL, CELL)``, as `fit` returns them.
        title: Over all.
        columns: A label each.
        rows: A label each; none at all if empty.
        same: ``(rows, columns)``, 1 for the frame that means "alike", 0 for "different", -1 for
            no frame.
    """
    height, width = cells.shape[:2]
    left = 0.12 * max((len(label) for label in rows), default=0)
    size = (width * INCHES + left + 0.3, height * INCHES + 0.9)
    figure, axes = new_figure(*size, title)
    grid = make_grid(cells.flatten(0, 1), nrow=width, padding=GAP, pad_value=1.0)
    axes.imshow(grid.permute(1, 2, 0).numpy(), interpolation="nearest")
    centres = [GAP + CELL / 2 + index * (CELL + GAP) for index in range(max(height, width))]
    axes.set_xticks(centres[:width], columns, fontsize=8)
    axes.set_yticks(centres[: len(rows)], rows, fontsize=8)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    if same is not None:
        _frame(axes, same)
    return figure


def _frame(axes: "Axes", same: Tensor) -> None:
    from matplotlib.patches import Rectangle

    for row, column in (same >= 0).nonzero().tolist():
        alike = bool(same[row, column])
        corner = (GAP - 2 + column * (CELL + GAP), GAP - 2 + row * (CELL + GAP))
        axes.add_patch(
            Rectangle(
                corner,
                CELL + 3,
                CELL + 3,
                fill=False,
                linewidth=2,
                edgecolor=SAME if alike else OTHER,
                # Told apart without colours, too.
                linestyle="solid" if alike else (0, (2, 1)),
            )
        )
