"""Where views lie in their image, and how far the cells of two views' feature maps are apart.

Coordinates are relative to the image's own sides, 0 to 1 from the first pixel to the last, so
that distances are in relative units, with each axis its own (PixPro, arXiv 2011.10043, section 3.1
and its official code).
"""

import torch
from torch import Tensor

from common.errors import DataError

Size = tuple[int, int]


def crop_coordinates(
    boxes: Tensor,
    sizes: Tensor,
    mirrored: Tensor | None = None,
    upside_down: Tensor | None = None,
) -> Tensor:
    """Returns (num, 4): x0, y0, x1, y1 of each crop's first and last pixel.

    A mirrored crop has x1 before x0, one that is upside down y1 before y0: the sign of the side
    then says in which direction its cells are counted.

    Args:
        boxes: (num, 4) top, left, height and width in pixels, floating.
        sizes: (num, 2) height and width of the image each is cut from.
        mirrored: (num,) true where left and right are exchanged.
        upside_down: (num,) true where top and bottom are.

    Raises:
        DataError: An image with a side of one pixel, an empty crop or one that leaves its image.
            Only on the CPU: elsewhere the look would have to wait for the device.
    """
    if boxes.device.type == "cpu":
        _check_boxes(boxes, sizes)
    top, left, tall, wide = boxes.unbind(1)
    height, width = sizes.to(boxes).unbind(1)
    x = torch.stack([left, left + wide - 1], 1) / (width - 1).unsqueeze(1)
    y = torch.stack([top, top + tall - 1], 1) / (height - 1).unsqueeze(1)
    if mirrored is not None:
        x = torch.where(mirrored.bool().unsqueeze(1), x.flip(1), x)
    if upside_down is not None:
        y = torch.where(upside_down.bool().unsqueeze(1), y.flip(1), y)
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


def _check_boxes(boxes: Tensor, sizes: Tensor) -> None:
    thin = (sizes < 2).any(1)
    if bool(thin.any()):
        row = int(thin.nonzero()[0])
        height, width = (int(side) for side in sizes[row])
        raise DataError(
            f"data: image {row} of the batch is {height} x {width}; each side needs 2 pixels"
        )
    first, last = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    broken = ~((boxes[:, 2:] >= 1) & (first >= 0) & (last <= sizes.to(boxes))).all(1)
    if bool(broken.any()):
        row = int(broken.nonzero()[0])
        raise DataError(
            f"data.views: crop {row} of the batch (top, left, height, width = "
            f"{boxes[row].tolist()}) is empty or leaves its image of {sizes[row].tolist()}"
        )


def cell_centres(coordinates: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """Returns x (num, columns) and y (num, rows) of the centres of a feature map's cells.

    Args:
        coordinates: (num, 4), see `crop_coordinates`.
        size: The map's rows and columns.
    """
    x0, y0, x1, y1 = coordinates.unsqueeze(2).unbind(1)
    steps = [torch.arange(side).to(coordinates) + 0.5 for side in size]
    y, x = (
        first + (last - first) / side * step
        for first, last, side, step in zip((y0, x0), (y1, x1), size, steps, strict=True)
    )
    return x, y


@torch.no_grad()
def cell_distances(first: Tensor, second: Tensor, size: Size, second_size: Size) -> Tensor:
    """Returns (num, cells, second cells): distances in diagonals of the larger view's cells.

    Cells are counted row by row. Where both views are one pixel, and so have no diagonal, the
    distance is 0 at the same place and infinite elsewhere.

    Args:
        first: (num, 4) coordinates of the first views.
        second: (num, 4) of the second views, of the same images.
        size: Rows and columns of the first views' maps.
        second_size: Size of the second views' maps.

    Raises:
        ValueError: Coordinates of other than (num, 4), or of different images.
    """
    if first.shape != second.shape or first.shape[1:] != (4,):
        raise ValueError(
            f"coordinates {tuple(first.shape)} and {tuple(second.shape)}, not (num, 4)"
        )
    x1, y1 = cell_centres(first, size)
    x2, y2 = cell_centres(second, second_size)
    across = (x1[:, :, None] - x2[:, None, :]).square()  # (num, columns, second columns)
    along = (y1[:, :, None] - y2[:, None, :]).square()  # (num, rows, second rows)
    distance = (along[:, :, None, :, None] + across[:, None, :, None, :]).sqrt()
    diagonal = torch.maximum(_diagonals(first, size), _diagonals(second, second_size))
    relative = distance.flatten(3).flatten(1, 2) / diagonal[:, None, None]
    return torch.where(relative.isnan(), 0, relative)


def _diagonals(coordinates: Tensor, size: Size) -> Tensor:
    """Returns (num,): the length of a cell's diagonal."""
    sides = (coordinates[:, 2:] - coordinates[:, :2]) / coordinates.new_tensor([size[1], size[0]])
    return sides.square().sum(1).sqrt()
