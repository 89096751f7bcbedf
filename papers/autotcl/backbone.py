"""Dilated convolutions along time, and causal averages over several lengths on top.

The trunk is TS2Vec's (arXiv 2106.10466, section 3.1); the average of causal convolutions is CoST's
trend layer (arXiv 2202.01575, section 3.2). AutoTCL's encoder and augmenter are both together.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.precision import upcast

KERNEL = 3
# From this length on a product of spectra needs less arithmetic than sliding the kernel.
LONG_KERNEL = 16
# TS2Vec's code: a step is kept with this probability; stretches left out, and their share each.
KEEP = 0.5
STRETCHES, SHARE = 5, 0.1


class DilatedBlock(nn.Module):
    """GELU, convolution, GELU, convolution, plus the input; ``(batch, channels, steps)``.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        dilation: Steps between the taps of both convolutions.
        shortcut: Whether a 1x1 convolution stands beside them instead of the input as it is.
    """

    def __init__(self, channels_in: int, channels_out: int, dilation: int, shortcut: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv1, self.conv2 = (
            nn.Conv1d(channels, channels_out, KERNEL, padding=dilation, dilation=dilation)
            for channels in (channels_in, channels_out)
        )
        self.shortcut: nn.Module = (
            nn.Conv1d(channels_in, channels_out, 1) if shortcut else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``(batch, channels_out, steps)``."""
        h = self._convolve(self.conv1, F.gelu(x))
        return self._convolve(self.conv2, F.gelu(h)) + self.shortcut(x)

    def _convolve(self, conv: nn.Conv1d, x: Tensor) -> Tensor:
        if self.dilation < x.shape[2]:
            return conv(x)
        # The outer taps read nothing but padding: the same result for a third of the work.
        return F.conv1d(x, conv.weight[..., KERNEL // 2, None], conv.bias)


class CausalAverage(nn.Module):
    """The mean of causal convolutions of several lengths, which see zeros before the start.

    They are linear and read the same input, so their mean is one convolution as long as the
    longest; what is stored and trained are the single ones.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        lengths: Steps that each convolution looks back, its own step included.
    """

    def __init__(self, channels_in: int, channels_out: int, lengths: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(channels_in, channels_out, n) for n in lengths)
        self.length = max(lengths)

    def merged(self) -> tuple[Tensor, Tensor]:
        """Returns the mean kernel ``(channels_out, channels_in, length)`` and the mean bias."""
        convs: list[Any] = list(self.convs)
        longest = max(convs, key=lambda conv: conv.weight.shape[2]).weight
        # Added up in place: a stack of all would be eight times as large.
        total = torch.zeros_like(longest)
        for conv in convs:
            total[..., self.length - conv.weight.shape[2] :] += conv.weight
        bias = torch.stack([conv.bias for conv in convs]).mean(0)
        return total / len(convs), bias

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``(batch, channels_out, steps)`` of ``x (batch, channels_in, steps)``."""
        weight, bias = self.merged()
        return causal_convolution(x, weight) + bias[:, None]

    def last(self, x: Tensor) -> Tensor:
        """Returns the last step only, ``(batch, channels_out)``."""
        convs: list[Any] = list(self.convs)
        found = []
        for conv in convs:
            # For one step it is cheaper to apply each than to add them up.
            weight = conv.weight[..., -x.shape[2] :]
            seen = x[..., x.shape[2] - weight.shape[2] :]
            found.append(seen.flatten(1) @ weight.flatten(1).T + conv.bias)
        return torch.stack(found).mean(0)


def causal_convolution(x: Tensor, weight: Tensor) -> Tensor:
    """Returns ``y_t = sum over j of weight_(length - 1 - j) x_(t - j)``, zeros before the start.

    Args:
        x: ``(batch, channels_in, steps)``.
        weight: ``(channels_out, channels_in, length)``.

    Returns:
        ``(batch, channels_out, steps)``; in float32 or wider where the kernel is long.
    """
    steps = x.shape[2]
    weight = weight[..., -steps:]
    length = weight.shape[2]
    if length < LONG_KERNEL:
        return F.conv1d(F.pad(x, (length - 1, 0)), weight)
    with torch.autocast(x.device.type, enabled=False):
        return _by_fourier(upcast(x), upcast(weight).flip(2))


def _by_fourier(x: Tensor, response: Tensor) -> Tensor:
    """The product of both spectra, everything as products of matrices.

    A fast transform would need fewer operations; for the many short rows of a kernel, whose
    spectrum is read the other way round, it is slower than this.
    """
    batch, _, steps = x.shape
    outputs, _, length = response.shape
    size = steps + length - 1
    signal = _spectrum(x, size)
    kernel = [part.transpose(1, 2) for part in _spectrum(response, size)]
    real = signal[0] @ kernel[0] - signal[1] @ kernel[1]
    imaginary = signal[0] @ kernel[1] + signal[1] @ kernel[0]
    cosine, sine = _waves(size, steps, x)
    # All frequencies but the first and, of an even size, the last stand for their mirror too.
    weight = torch.full((len(cosine), 1), 2.0 / size, dtype=x.dtype, device=x.device)
    weight[0] = 1 / size
    if size % 2 == 0:
        weight[-1] = 1 / size
    y = (weight * cosine).T @ real.flatten(1) - (weight * sine).T @ imaginary.flatten(1)
    return y.view(steps, batch, outputs).permute(1, 2, 0)


def _spectrum(x: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Returns real and imaginary part, ``(frequencies, a, b)`` each, of ``x (a, b, steps)``."""
    cosine, sine = _waves(size, x.shape[2], x)
    rows = x.reshape(-1, x.shape[2]).T
    shape = (len(cosine), *x.shape[:2])
    return (cosine @ rows).view(shape), (-sine @ rows).view(shape)


def _waves(size: int, steps: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Returns cosines and sines ``(size // 2 + 1, steps)`` of a transform over ``size`` steps."""
    frequency = torch.arange(size // 2 + 1, device=like.device)
    turns = torch.outer(frequency, torch.arange(steps, device=like.device)) % size
    angle = turns.double() * (2 * math.pi / size)
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


class DilatedEncoder(nn.Module):
    """Linear, dilated blocks and, if it has lengths, a `CausalAverage`, per step of a series.

    ``depth`` blocks of ``hidden_dim`` channels and one to ``output_dim``; block i has dilation
    2^i, so that the trunk looks both ways over all but the longest series. Nothing is normalised.

    Args:
        channels: Channels of the series.
        hidden_dim: Channels of all blocks but the last.
        depth: Blocks before the last one.
        output_dim: Width of the representation of a step.
        lengths: Lengths of the causal convolutions; none: the trunk alone.
        dropout: On the trunk's output.
    """

    def __init__(
        self,
        channels: int,
        hidden_dim: int = 64,
        depth: int = 10,
        output_dim: int = 320,
        lengths: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.inputs = nn.Linear(channels, hidden_dim)
        dims = [hidden_dim] * depth + [output_dim]
        self.blocks = nn.ModuleList(
            DilatedBlock(hidden_dim, dim, 2**i, shortcut=i == depth) for i, dim in enumerate(dims)
        )
        self.dropout = nn.Dropout(dropout)
        self.average = CausalAverage(output_dim, output_dim, lengths) if lengths else None
        self.num_features = output_dim

    def trunk(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Returns what the causal average reads, ``(batch, steps, dim)``.

        Args:
            x: ``(batch, steps, channels)``.
            keep: ``(batch, steps)`` booleans; other steps are zero after the linear layer.
        """
        return self._trunk(x, keep).transpose(1, 2)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Returns the representation of each step, ``(batch, steps, dim)``; see `trunk`."""
        h = self._trunk(x, keep)
        return (h if self.average is None else self.average(h)).transpose(1, 2)

    def last(self, x: Tensor) -> Tensor:
        """Returns the last step's representation, ``(batch, dim)``, equal to ``forward``'s.

        What no later layer reads of it is not computed.
        """
        needed = 1 if self.average is None else self.average.length
        h = self._trunk(x, last=needed)
        return h[..., -1] if self.average is None else self.average.last(h)

    def _trunk(self, x: Tensor, keep: Tensor | None = None, last: int | None = None) -> Tensor:
        h = self.inputs(x)
        if keep is not None:
            h = h * keep[..., None]
        h, steps = h.transpose(1, 2), x.shape[1]
        for number, block in enumerate(self.blocks):
            # From here on every convolution reads its own step alone.
            if last is not None and 2**number >= steps:
                h = h[..., -last:]
            h = block(h)
        return self.dropout(h)


def draw_keep(mode: str, batch: int, steps: int, generator: torch.Generator) -> Tensor | None:
    """Returns which steps are kept, ``(batch, steps)`` booleans; None: all of them.

    Args:
        mode: ``all``; ``binomial``: each with probability 1/2; ``continuous``: all but five
            stretches of a tenth; ``last``: all but the last.
        batch: Series.
        steps: Steps of each.
        generator: Generator of the draws, on the CPU.
    """
    if mode == "all":
        return None
    if mode == "binomial":
        return torch.rand(batch, steps, generator=generator) < KEEP
    keep = torch.ones(batch, steps, dtype=torch.bool)
    if mode == "last":
        keep[:, -1] = False
        return keep
    length = max(int(SHARE * steps), 1)
    starts = torch.randint(steps - length + 1, (batch, STRETCHES, 1), generator=generator)
    left_out = (starts + torch.arange(length)).flatten(1)
    return keep.scatter(1, left_out, False)
