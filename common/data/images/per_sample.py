"""Views by torchvision, one image at a time, of any size: whole ones, or ``data.pipeline=hybrid``.

Whole ones are for plots and dense tests. For hybrid, workers decode, cut and resize, to 8 bits as
Pillow does; colours, blur and noise are made on the whole batch, on its device. Both read the
parameters of the batched pipeline, which is tested against them.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as F

from common.data.images.batch import CutBatch, ImageBatch, Images, Unfinished, ViewBatch
from common.data.images.colour import ORDERS, SOLARISE_THRESHOLD
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.draws import ViewParameters
from common.data.images.lazy import image_sizes
from common.data.images.resample import blur_radius
from common.data.images.sets import to_float
from common.data.images.views import (
    affine_crop,
    change_views,
    make_view_batch,
    normalise,
    own_parameters,
)
from common.data.sampler import BatchKey


def make_views_singly(images: Images, view: ViewConfig, parameters: ViewParameters) -> Tensor:
    """As `views.make_views`, with torchvision's functions on each image, of any size."""
    made = []
    for row in range(len(parameters.crops)):
        drawn = parameters.rows(torch.tensor([row]))
        made.append(_make_view(images[row % len(images)], view, drawn))
    return torch.stack(made)


def _make_view(image: Tensor, view: ViewConfig, drawn: ViewParameters) -> Tensor:
    x = cut(image, view, drawn.crops[0], floating=True)
    if drawn.jitter:
        x = _jitter(x, drawn.factors[0].tolist(), ORDERS[drawn.order[0]].tolist())
    if drawn.grey and len(x) == 3:
        x = F.rgb_to_grayscale(x, num_output_channels=3)
    if drawn.blur:
        kernel = 2 * blur_radius(view.sigma[1], view.size) + 1
        x = F.gaussian_blur(x, [kernel, kernel], [drawn.sigma.item()] * 2)
    if drawn.solarise:
        x = F.solarize(x, SOLARISE_THRESHOLD)
    offset = view.contrast_pivot * (1 - drawn.contrast_scale) + drawn.brightness_shift
    x = x * drawn.contrast_scale + offset
    return x if drawn.noise is None else x + drawn.noise[0]


def cut(image: Tensor, view: ViewConfig, crop: Tensor, floating: bool = False) -> Tensor:
    """Returns the crop (6,) of ``image``, resized: uint8 stays so unless turned or unwanted."""
    if view.rotation:
        return affine_crop(to_float(image).unsqueeze(0), crop.unsqueeze(0), view.size)[0]
    top, left, tall, wide, flip = (int(value) for value in crop[:5])
    part = F.crop(image, top, left, tall, wide)
    # The crop alone: a large photograph would take long to convert.
    x = F.resize(
        to_float(part) if floating else part, [view.size, view.size], antialias=view.antialias
    )
    return F.horizontal_flip(x) if flip else x


def _jitter(x: Tensor, factors: list[float], order: list[int]) -> Tensor:
    adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    for operation in order:
        x = adjust[operation](x, factors[operation])
    return x


class Cuts(Dataset[CutBatch]):
    """Cuts the views of a batch where the data are read."""

    def __init__(self, batches: Dataset[ImageBatch], config: ImageConfig, seed: int) -> None:
        self.batches, self.config, self.seed = batches, config, seed

    def __getitem__(self, key: BatchKey) -> CutBatch:
        """Returns the cuts of the images at ``key.rows``."""
        batch = self.batches[key]
        num, cuts, crops = len(batch.images), [], []
        for entry, view in enumerate(self.config.views):
            drawn = own_parameters(view, entry, key, batch.images, self.seed)
            made = [cut(batch.images[n % num], view, crop) for n, crop in enumerate(drawn.crops)]
            cuts.append(torch.stack([_to_bytes(x) for x in made]))
            crops.append(drawn.crops)
        return CutBatch(cuts, batch.labels, key, crops, image_sizes(batch.images))


def _to_bytes(x: Tensor) -> Tensor:
    return x if x.dtype == torch.uint8 else x.mul(255).round_().to(torch.uint8)


def finish_views(batch: Unfinished, config: ImageConfig, seed: int) -> ViewBatch:
    """Makes the views of ``batch``, or what is left to make of them, on the device it is on."""
    if isinstance(batch, ImageBatch):
        return make_view_batch(batch, config, seed)
    views: list[Tensor] = []
    crops: list[Tensor] = []
    for entry, view in enumerate(config.views):
        cuts, num = batch.cuts[entry], len(batch.labels)
        # What depends on an image's size is in the batch already.
        drawn = own_parameters(view, entry, batch.key, cuts[:num], seed)
        made = change_views(cuts, view, drawn)
        views.extend(normalise(made, config.mean, config.std).chunk(view.count))
        crops.extend(batch.crops[entry].chunk(view.count))
    return ViewBatch(views, batch.labels, batch.key, crops, batch.sizes)
