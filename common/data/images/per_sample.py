"""The same views by torchvision, one image at a time, of any size: for plots and dense tests.

It reads the parameters of the batched pipeline, which is tested against it.
"""

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from common.data.images.batch import Images
from common.data.images.colour import ORDERS, SOLARISE_THRESHOLD
from common.data.images.config import ViewConfig
from common.data.images.draws import ViewParameters
from common.data.images.resample import blur_radius
from common.data.images.sets import to_float
from common.data.images.views import affine_crop


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
