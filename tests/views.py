"""Parameters of views in one call, for tests on pictures of one size."""

import torch

from common.data.pictures.config import ViewConfig
from common.data.pictures.parameters import ViewParameters, draw, fit_parameters


def draw_parameters(
    config: ViewConfig, num_pictures: int, shape: tuple[int, int, int], generator: torch.Generator
) -> ViewParameters:
    """Draws and fits them for pictures of one ``shape`` (channels, height, width)."""
    draws = draw(config, num_pictures, shape[0], generator)
    return fit_parameters(config, draws, torch.tensor([shape[1:]]))
