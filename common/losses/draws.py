"""Draws of mixing coefficients from a generator of one's own."""

import torch
from torch import Tensor


def draw_beta(
    first: float, second: float, shape: tuple[int, ...], generator: torch.Generator
) -> Tensor:
    """Returns draws of Beta(first, second) as a share of two gamma draws, in float64."""
    gammas = [
        torch._standard_gamma(torch.full(shape, value, dtype=torch.float64), generator=generator)
        for value in (first, second)
    ]
    return gammas[0] / (gammas[0] + gammas[1])
