"""Views made on whole batches, on the device the pictures are on."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.data.pictures.batch import PictureBatch, ViewBatch
from common.data.pictures.config import PictureConfig, ViewConfig
from common.data.pictures.parameters import ViewParameters, draw_parameters
from common.data.pictures.sets import to_float
from common.data.sampler import BatchKey, keyed_generator


def make_view_batch(batch: PictureBatch, config: PictureConfig, seed: int) -> ViewBatch:
    """Makes all views of ``batch``; a function of (seed, epoch, position in the global batch)."""
    pictures = to_float(batch.pictures)
    views: list[Tensor] = []
    crops: list[Tensor] = []
    for entry, view in enumerate(config.views):
        parameters = own_parameters(view, entry, batch.key, pictures, seed)
        made = normalise(make_views(pictures, view, parameters), config.mean, config.std)
        views.extend(made.chunk(view.count))
        crops.extend(parameters.crops.chunk(view.count))
    return ViewBatch(views, batch.labels, batch.key, crops)


def own_parameters(
    view: ViewConfig, entry: int, key: BatchKey, pictures: Tensor, seed: int
) -> ViewParameters:
    """Draws for the global batch and returns this process's rows, on the pictures' device."""
    generator = keyed_generator(seed, key.epoch, key.batch, entry)
    channels, height, width = pictures.shape[1:]
    drawn = draw_parameters(view, key.global_size, (channels, height, width), generator)
    own = torch.arange(key.offset, key.offset + len(pictures))
    index = (torch.arange(view.count)[:, None] * key.global_size + own).flatten()
    return drawn.rows(index).to(pictures.device)


def make_views(pictures: Tensor, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    """Returns (count * batch, channels, size, size), view-major.

    Args:
        pictures: (batch, channels, height, width), floating in 0..1.
        view: The operations.
        parameters: Their draws, one row a view.
    """
    x = affine_crop(pictures, parameters.crops, view.size)
    scale, shift = parameters.contrast_scale, parameters.brightness_shift
    if view.contrast_scale != [1.0, 1.0] or view.brightness_shift:
        offset = view.contrast_pivot * (1 - scale) + shift
        x = x * scale[:, None, None, None] + offset[:, None, None, None]
    return x if parameters.noise is None else x + parameters.noise


def affine_crop(pictures: Tensor, crops: Tensor, size: int) -> Tensor:
    """Crops, turns, mirrors and resizes bilinearly in one sampling; outside is 0.

    Args:
        pictures: (batch, channels, height, width).
        crops: (views * batch, 6), see `ViewBatch`, view-major.
        size: Height and width of the result.
    """
    batch, channels, height, width = pictures.shape
    top, left, tall, wide, flip, angle = crops.to(pictures.dtype).unbind(1)
    half_x, half_y = wide / 2 * (1 - 2 * flip), tall / 2
    cos, sin = angle.cos(), angle.sin()
    # Rows: x, y of the picture in -1..1 as a function of x, y of the view in -1..1.
    along_x = torch.stack([cos * half_x, -sin * half_y, left + wide / 2], 1) * (2 / width)
    along_y = torch.stack([sin * half_x, cos * half_y, top + tall / 2], 1) * (2 / height)
    theta = torch.stack([along_x, along_y], 1)
    theta[:, :, 2] -= 1
    count = len(crops) // batch
    grid = F.affine_grid(theta, [len(crops), channels, size, size], align_corners=False)
    repeated = pictures.repeat(count, 1, 1, 1)
    return F.grid_sample(repeated, grid, align_corners=False)


def normalise(pictures: Tensor, mean: list[float], std: list[float]) -> Tensor:
    """Returns (pictures - mean) / std for each channel; unchanged when ``mean`` is empty."""
    if not mean:
        return pictures
    shift = pictures.new_tensor(mean).reshape(-1, 1, 1)
    return (pictures - shift) / pictures.new_tensor(std).reshape(-1, 1, 1)
