"""The random numbers of views: drawn on the CPU for the global batch, one row a view."""

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from common.data.images.colour import ORDERS
from common.data.images.config import ViewConfig
from common.distributed.draws import keyed_generator

ATTEMPTS = 10


@dataclass(frozen=True)
class ViewParameters:
    """One row for each view, view-major: row v * batch + b is view v of image b.

    ``crops``: (num, 6), see `ViewBatch`; ``jitter``, ``grey``, ``blur``, ``solarise``: (num,) bool;
    ``factors``: (num, 4) of brightness, contrast, saturation and hue; ``order``: (num,) rows of
    `colour.ORDERS`; ``sigma``, ``contrast_scale``, ``brightness_shift``: (num,);
    ``noise``: (num, channels, size, size), or None without noise.
    """

    crops: Tensor
    jitter: Tensor
    factors: Tensor
    order: Tensor
    grey: Tensor
    blur: Tensor
    sigma: Tensor
    solarise: Tensor
    contrast_scale: Tensor
    brightness_shift: Tensor
    noise: Tensor | None

    def rows(self, index: Tensor) -> "ViewParameters":
        """Returns the rows at ``index``."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return replace(self, **{k: v[index] for k, v in values.items() if v is not None})


@dataclass(frozen=True)
class Draws:
    """Uniform numbers, one row a view as in `ViewParameters`, before images give them a meaning.

    ``boxes``: (num, 26), the attempts at a crop, its place, flip, angle and intensities;
    ``colours``: (num, 10); ``noise``: (num, channels, size, size), or None without noise.
    """

    boxes: Tensor
    colours: Tensor
    noise: Tensor | None

    def rows(self, index: Tensor) -> "Draws":
        """Returns the rows at ``index``."""
        noise = None if self.noise is None else self.noise[index]
        return Draws(self.boxes[index], self.colours[index], noise)


def draw(config: ViewConfig, num_images: int, channels: int, generator: torch.Generator) -> Draws:
    """Draws for ``config.count`` views of each of ``num_images`` images, of any size.

    Every operation has columns of its own in tables of uniform numbers, so that switching one off
    leaves the draws of the others as they are.

    Args:
        config: The views.
        num_images: Images in the global batch.
        channels: Channels of the images.
        generator: A fresh CPU generator; see `keyed_generator`.
    """
    num = config.count * num_images
    table = torch.rand(num, 2 * ATTEMPTS + 6, generator=generator)
    # A stream of its own: colours do not move when noise is switched on, nor noise with colours.
    colours = torch.rand(num, 10, generator=keyed_generator(generator.initial_seed()))
    noise = None
    if config.noise:
        size = (num, channels, config.size, config.size)
        noise = torch.randn(size, generator=generator) * config.noise
    return Draws(table, colours, noise)


def fit_parameters(config: ViewConfig, draws: Draws, sizes: Tensor) -> ViewParameters:
    """Turns draws into the parameters of views of images that may differ in size.

    Args:
        config: The views.
        draws: One row a view.
        sizes: (num, 2) or (1, 2), height and width of each view's image.
    """
    table, colours, num = draws.boxes, draws.colours, len(draws.boxes)
    attempts, rest = table[:, : 2 * ATTEMPTS].reshape(num, ATTEMPTS, 2), table[:, 2 * ATTEMPTS :]
    box = _boxes(config, attempts, rest[:, :2], sizes.double())
    flip = (rest[:, 2] < config.flip).float()
    angle = (2 * rest[:, 3] - 1) * config.rotation
    return ViewParameters(
        crops=torch.cat([box, flip.unsqueeze(1), angle.unsqueeze(1)], 1),
        jitter=colours[:, 0] < config.jitter,
        factors=_jitter_factors(config, colours[:, 1:5]),
        order=(colours[:, 5] * len(ORDERS)).long(),
        grey=colours[:, 6] < config.grey,
        blur=colours[:, 7] < config.blur,
        sigma=_between(colours[:, 8], config.sigma),
        solarise=colours[:, 9] < config.solarise,
        contrast_scale=_between(rest[:, 4], config.contrast_scale),
        brightness_shift=(2 * rest[:, 5] - 1) * config.brightness_shift,
        noise=draws.noise,
    )


def _jitter_factors(config: ViewConfig, uniform: Tensor) -> Tensor:
    strengths = [config.brightness, config.contrast, config.saturation]
    low = torch.tensor([max(0.0, 1 - strength) for strength in strengths] + [-config.hue])
    high = torch.tensor([1 + strength for strength in strengths] + [config.hue])
    return low + (high - low) * uniform


def _between(uniform: Tensor, bounds: list[float]) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * uniform


def _boxes(config: ViewConfig, attempts: Tensor, position: Tensor, sizes: Tensor) -> Tensor:
    """Returns (num, 4) top, left, height, width, distributed as torchvision's RandomResizedCrop.

    Whole pixels; the first of ten attempts that fits, else the largest central crop whose ratio
    is allowed. ``sizes`` is (num, 2) or (1, 2), in float64.
    """
    height, width = sizes.float().unbind(1)
    area = _between(attempts[..., 0], config.area) * sizes.prod(1, keepdim=True).float()
    ratio = _between(attempts[..., 1], [math.log(bound) for bound in config.ratio]).exp()
    tall, wide = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
    fits = (tall > 0) & (tall <= height[:, None]) & (wide > 0) & (wide <= width[:, None])
    first = fits.int().argmax(1, keepdim=True)
    tall, wide = tall.gather(1, first)[:, 0], wide.gather(1, first)[:, 0]
    top = (position[:, 0] * (height - tall + 1)).floor()
    left = (position[:, 1] * (width - wide + 1)).floor()
    box = torch.stack([top, left, tall, wide], 1)
    return torch.where(fits.any(1, keepdim=True), box, _central_boxes(config, sizes))


def _central_boxes(config: ViewConfig, sizes: Tensor) -> Tensor:
    height, width = sizes.unbind(1)
    narrow, broad = width / height < config.ratio[0], width / height > config.ratio[1]
    tall = torch.where(narrow, (width / config.ratio[0]).round(), height)
    wide = torch.where(broad, (height * config.ratio[1]).round(), width)
    top, left = ((height - tall) / 2).floor(), ((width - wide) / 2).floor()
    return torch.stack([top, left, tall, wide], 1).float()
