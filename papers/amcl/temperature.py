"""A temperature for each pair and head (Eq. 3), and the regulariser that holds it (Omega)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def omega(tau: Tensor, dim: float) -> Tensor:
    """Returns ``dim / 2 * log(tau) + 1 / tau``, of the shape of ``tau``.

    With ``-s / tau`` this is, up to a constant, the negative log-likelihood of a unit vector under
    an isotropic normal of variance ``tau`` around another at cosine s. Least at ``2 / dim``.
    """
    return dim / 2 * tau.log() + 1 / tau


def temperature(score: Tensor, low: float, high: float) -> Tensor:
    """Returns Eq. 3, ``low + (high - low) * sigmoid(-score)``: a high score sharpens."""
    return low + (high - low) * torch.sigmoid(-score)


class TemperatureNetwork(nn.Module):
    """phi: one network for all heads, directions, positives and negatives.

    A pair's score is the product ``phi(u) . phi(v)``. Computed in float32 or wider.

    Args:
        dim: Width of u and v, and of phi's values.
        hidden: Width of the layer between.
        scale: Multiplies the initial weights; 1 is torch's own initialisation.
        normalise: Unit values, so that scores are cosines: another method than the paper's.
    """

    def __init__(self, dim: int, hidden: int, scale: float = 1.0, normalise: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))
        self.normalise = normalise
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(scale)

    def forward(self, u: Tensor) -> Tensor:
        """Maps ``(..., dim)`` to ``(..., dim)``."""
        with torch.autocast(u.device.type, enabled=False):
            values = self.layers(u)
        return F.normalize(values, dim=-1) if self.normalise else values


class NoNetwork(nn.Module):
    """What stands for phi where the temperature is constant: every score is 0."""

    def forward(self, u: Tensor) -> Tensor:
        """Maps ``(..., dim)`` to zeros ``(..., 1)``."""
        return u.new_zeros(*u.shape[:-1], 1)
