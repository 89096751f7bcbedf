"""The parametric augmentation: a gated mask of the informative part, and its scaling."""

from typing import NamedTuple

from torch import Tensor, nn

from papers.autotcl.backbone import DilatedEncoder


class Factors(NamedTuple):
    """``h``: score of each step's informativeness; ``g``: its scale; both in (0, 1).

    ``(batch, steps, channels)``, or one channel for all. ``logit`` is h before its sigmoid.
    """

    h: Tensor
    g: Tensor
    logit: Tensor


class Augmenter(nn.Module):
    """Makes views ``g(x) * gate(h(x)) * x`` (arXiv 2402.10434; no noise, as the code).

    Args:
        trunk: Reads the series, ``(batch, steps, channels)`` to ``(batch, steps, dim)``.
        channels: Channels of h and g: those of the series, or 1 for all of them alike.
        bias: The initial bias of h's head; null: torch's.
    """

    def __init__(self, trunk: DilatedEncoder, channels: int, bias: float | None = None) -> None:
        super().__init__()
        self.trunk = trunk
        self.h_head = nn.Linear(trunk.num_features, channels)
        self.g_head = nn.Linear(trunk.num_features, channels)
        if bias is not None:
            nn.init.constant_(self.h_head.bias, bias)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Factors:
        """Returns the factors of ``x (batch, steps, channels)``; ``keep`` as the encoder's."""
        e = self.trunk(x, keep)
        logit = self.h_head(e)
        return Factors(logit.sigmoid(), self.g_head(e).sigmoid(), logit)


def gate(
    score: Tensor, uniform: Tensor | None, stretch: float, bias: float, temperature: float = 1.0
) -> Tensor:
    """Returns the hard-concrete gate in [0, 1] (arXiv 1712.01312, section 2.2; constants: code).

    Args:
        score: Any shape. The code gives it h itself, not its logit.
        uniform: Draws of (0, 1) in the shape of ``score``; None: the gate without noise.
        stretch: It is stretched to (-stretch, 1), then clipped.
        bias: Keeps the draws within [bias, 1 - bias].
        temperature: Divides score and noise together (code: 1).
    """
    if uniform is not None:
        noise = (1 - bias) - (1 - 2 * bias) * uniform
        score = (score + noise.log() - (1 - noise).log()) / temperature
    return (score.sigmoid() * (1 + stretch) - stretch).clamp(0, 1)


def harden(soft: Tensor) -> Tensor:
    """Returns 0 or 1 (a half where it is exactly a half), with the gradient of ``soft``."""
    hard = ((soft - 0.5).sign() + 1) / 2
    return hard + (soft - soft.detach())


def view(x: Tensor, factors: Factors, gates: Tensor) -> Tensor:
    """Returns the view ``g * gate * x``, ``(batch, steps, channels)``."""
    return factors.g * gates * x
