"""Near images of each training image: as a file lists them, or by pixels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.data.image_text.sets import Captioned
from common.data.images.sets import Split
from common.errors import ConfigError

# Images compared at once.
CHUNK = 256


def find_near(part: Captioned, count: int, title: str) -> NDArray[np.int64] | None:
    """Returns ``(images, count)`` near images of each: those that are listed, or by their pixels.

    Raises:
        ConfigError: Images in files without a list, or fewer than are asked for.
    """
    if not count:
        return None
    listed = part.near
    if listed is None and isinstance(part.images, Split):
        listed = near_by_pixels(part.images.images, count)
    if listed is None:
        raise ConfigError(
            f"data.hard_images={count}: {title} lists no near images; add the column neg_image"
        )
    if listed.shape[1] < count:
        raise ConfigError(
            f"data.hard_images={count}: {title} has {listed.shape[1]} near images each; use fewer"
        )
    return listed[:, :count]


def near_by_pixels(images: Tensor, count: int) -> NDArray[np.int64]:
    """Returns the rows of the ``count`` nearest other images, ``(images, count)``.

    Args:
        images: (images, channels, height, width).
        count: Fewer where there are no more.
    """
    flat = images.flatten(1).float()
    found = []
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        distances = torch.cdist(part, flat)
        own = torch.arange(len(part))
        distances[own, start + own] = torch.inf
        found.append(distances.topk(min(count, len(flat) - 1), largest=False).indices)
    return torch.cat(found).numpy()
