"""Views made on whole batches, on the device the images are on."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common.data.images.batch import ImageBatch, Images, ViewBatch, stacked
from common.data.images.colour import jitter, solarise, to_grey
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.draws import ViewParameters, draw, fit_parameters
from common.data.images.lazy import image_sizes
from common.data.images.resample import blur, blur_radius, crop_and_resize
from common.data.images.sets import to_float
from common.data.images.threads import in_threads
from common.data.sampler import BatchKey
from common.distributed.device import on_device
from common.distributed.draws import keyed_generator

# Floats of a chunk: 128 views of 3 x 32 x 32. Larger ones leave the cache and their memory is
# asked from the system anew at each operation; of smaller ones starting an operation is the cost.
CACHE_ELEMENTS = 128 * 3 * 32 * 32


def make_view_batch(batch: ImageBatch, config: ImageConfig, seed: int) -> ViewBatch:
    """Makes all views of ``batch``; a function of (seed, epoch, position in the global batch)."""
    images = to_float(stacked(batch.images))
    return collect_views(batch._replace(images=images), config, seed, make_views)


def collect_views(
    batch: ImageBatch,
    config: ImageConfig,
    seed: int,
    make: Callable[[Any, ViewConfig, ViewParameters], Tensor],
) -> ViewBatch:
    """Draws the parameters of each entry of ``data.views`` and lets ``make`` use them."""
    views: list[Tensor] = []
    crops: list[Tensor] = []
    for entry, view in enumerate(config.views):
        parameters = own_parameters(view, entry, batch.key, batch.images, seed)
        made = make(batch.images, view, parameters)
        views.extend(normalise(made, config.mean, config.std).chunk(view.count))
        crops.extend(on_device(parameters.crops, made.device).chunk(view.count))
    sizes = on_device(image_sizes(batch.images), batch.labels.device)
    return ViewBatch(views, batch.labels, batch.key, crops, sizes)


def own_parameters(
    view: ViewConfig, entry: int, key: BatchKey, images: Images, seed: int
) -> ViewParameters:
    """Draws for the global batch and returns this process's rows, on the CPU."""
    generator = keyed_generator(seed, key.epoch, key.batch, entry)
    drawn = draw(view, key.global_size, images[0].shape[0], generator)
    own = torch.arange(key.offset, key.offset + len(images))
    index = (torch.arange(view.count)[:, None] * key.global_size + own).flatten()
    sizes = image_sizes(images).repeat(view.count, 1)
    return fit_parameters(view, drawn.rows(index), sizes)


def make_views(images: Tensor, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    """Returns (count * batch, channels, size, size), view-major.

    Args:
        images: (batch, channels, height, width), floating in 0..1.
        view: The operations.
        parameters: Their draws, one row a view, on the CPU: what depends on them can be decided
            without waiting for the images' device.
    """
    num = len(parameters.crops)
    made = images.new_empty(num, images.shape[1], view.size, view.size)

    def make(rows: Tensor) -> None:
        part = images.index_select(0, on_device(rows % len(images), images.device))
        made[rows[0] : rows[-1] + 1] = _make_part(part, view, parameters.rows(rows))

    # The images are read once, views often.
    floats = max(made[0].numel(), images[0].numel() // 4)
    in_threads(make, _chunks(num, floats, images.device))
    return made


def _chunks(num: int, floats: int, device: torch.device) -> Sequence[Tensor]:
    """Returns the rows to make at once, of ``floats`` each: what stays in a CPU's cache."""
    rows = torch.arange(num)
    if device.type != "cpu":
        return [rows]
    threads = torch.get_num_threads()
    rounds = math.ceil(num * floats / CACHE_ELEMENTS / threads)
    return rows.chunk(rounds * threads)  # as many for each thread


def _make_part(images: Tensor, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    crops = on_device(parameters.crops, images.device)
    if view.rotation:
        x = affine_crop(images, crops, view.size)
    else:
        x = crop_and_resize(images, crops, view.size, view.antialias)
    return _change(x, view, parameters)


def change_views(cuts: Tensor, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    """Applies all operations after the crop to ``cuts`` (num, channels, size, size)."""
    dtype = cuts.dtype if cuts.is_floating_point() else torch.float32
    made = torch.empty_like(cuts, dtype=dtype)

    def make(rows: Tensor) -> None:
        # Never in place on what the caller keeps.
        part = to_float(cuts[on_device(rows, cuts.device)])
        made[rows[0] : rows[-1] + 1] = _change(part, view, parameters.rows(rows))

    in_threads(make, _chunks(len(cuts), cuts[0].numel(), cuts.device))
    return made


def _change(x: Tensor, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    if view.jitter:
        x = _on_rows(x, parameters.jitter, jitter, parameters.factors, parameters.order)
    if view.grey:
        x = _on_rows(x, parameters.grey, to_grey)
    if view.blur:
        radius = blur_radius(view.sigma[1], view.size)
        x = _on_rows(x, parameters.blur, partial(blur, radius=radius), parameters.sigma)
    if view.solarise:
        x = _on_rows(x, parameters.solarise, solarise)
    scale, shift = parameters.contrast_scale, parameters.brightness_shift
    if view.contrast_scale != [1.0, 1.0] or view.brightness_shift:
        offset = on_device(view.contrast_pivot * (1 - scale) + shift, x.device)
        scale = on_device(scale, x.device)
        x = x * scale[:, None, None, None] + offset[:, None, None, None]
    return x if parameters.noise is None else x + on_device(parameters.noise, x.device)


def _on_rows(
    x: Tensor, chosen: Tensor, operation: Callable[..., Tensor], *arguments: Tensor
) -> Tensor:
    """Applies ``operation`` to the chosen rows and their arguments (on the CPU), in place."""
    rows = chosen.nonzero()[:, 0]
    if len(rows):
        there = on_device(rows, x.device)
        changed = operation(x.index_select(0, there), *(argument[rows] for argument in arguments))
        x.index_copy_(0, there, changed)
    return x


def affine_crop(images: Tensor, crops: Tensor, size: int) -> Tensor:
    """Crops, turns, mirrors and resizes bilinearly in one sampling; outside is 0.

    Args:
        images: (batch, channels, height, width).
        crops: (views * batch, 6), see `ViewBatch`, view-major.
        size: Height and width of the result.
    """
    batch, channels, height, width = images.shape
    top, left, tall, wide, flip, angle = crops.to(images.dtype).unbind(1)
    half_x, half_y = wide / 2 * (1 - 2 * flip), tall / 2
    cos, sin = angle.cos(), angle.sin()
    # Rows: x, y of the image in -1..1 as a function of x, y of the view in -1..1.
    along_x = torch.stack([cos * half_x, -sin * half_y, left + wide / 2], 1) * (2 / width)
    along_y = torch.stack([sin * half_x, cos * half_y, top + tall / 2], 1) * (2 / height)
    theta = torch.stack([along_x, along_y], 1)
    theta[:, :, 2] -= 1
    count = len(crops) // batch
    grid = F.affine_grid(theta, [len(crops), channels, size, size], align_corners=False)
    repeated = images.repeat(count, 1, 1, 1)
    return F.grid_sample(repeated, grid, align_corners=False)


def normalise(images: Tensor, mean: list[float], std: list[float]) -> Tensor:
    """Returns (images - mean) / std for each channel; unchanged when ``mean`` is empty."""
    if not mean:
        return images
    values = on_device(torch.tensor([mean, std], dtype=images.dtype), images.device)
    shift, scale = values[:, :, None, None]
    return (images - shift).div_(scale)
