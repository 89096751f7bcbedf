"""Parameters of views in one call, for tests on images of one size."""

import torch

from common.data.images.config import ViewConfig
from common.data.images.draws import ViewParameters, draw, fit_parameters


def draw_parameters(
    config: ViewConfig, num_images: int, shape: tuple[int, int, int], generator: torch.Generator
) -> ViewParameters:
    """Draws and fits them for images of one ``shape`` (channels, height, width)."""
    draws = draw(config, num_images, shape[0], generator)
    return fit_parameters(config, draws, torch.tensor([shape[1:]]))
