"""Random draws from generators of their own, which every process makes alike."""

import torch
from torch import Tensor


def keyed_generator(*key: int) -> torch.Generator:
    """Returns a CPU generator whose draws are a function of ``key`` alone.

    Neighbouring keys give unrelated streams: the key is mixed (splitmix64) before it seeds.
    """
    state = 0x9E3779B97F4A7C15
    for part in key:
        state = (state ^ (part + 0x9E3779B97F4A7C15)) % 2**64
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
        state ^= state >> 31
    generator = torch.Generator()
    generator.manual_seed(state % 2**63)
    return generator


def draw_beta(
    first: float, second: float, shape: tuple[int, ...], generator: torch.Generator
) -> Tensor:
    """Returns draws of Beta(first, second) as a share of two gamma draws, in float64."""
    gammas = [
        torch._standard_gamma(torch.full(shape, value, dtype=torch.float64), generator=generator)
        for value in (first, second)
    ]
    return gammas[0] / (gammas[0] + gammas[1])
