"""AutoTCL's encoding of windows and its iteration, against every layer done in full.

    python -m benchmarks.autotcl_encoding [--windows 16] [--batch 32]

ETTh1 univariate, official sizes: 8 channels, windows of 201 steps, sections of 257. "In full" is
what the published code computes: all taps of all convolutions, eight causal ones at every step, of
which encoding keeps the last. Both are compared first: they agree to rounding.
"""

from collections.abc import Callable
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.timing import interleave, parse, parser, report, timed
from common.data.sampler import BatchKey
from common.data.series.batches import SeriesBatch
from papers.autotcl.backbone import DilatedEncoder
from papers.autotcl.module import AutoTCL

CHANNELS, WINDOW, SECTION = 8, 201, 257


class InFull(nn.Module):
    """The same weights, every layer at every step."""

    def __init__(self, encoder: DilatedEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.num_features = encoder.num_features

    def trunk(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Returns the trunk's output, ``(batch, steps, dim)``."""
        return self._trunk(x).transpose(1, 2)

    def _trunk(self, x: Tensor) -> Tensor:
        h = self.encoder.inputs(x).transpose(1, 2)
        for block in self.encoder.blocks:
            inner = block.conv2(F.gelu(block.conv1(F.gelu(h))))
            h = inner + block.shortcut(h)
        return h

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Returns the representation of each step, ``(batch, steps, dim)``."""
        h = self._trunk(x)
        parts = [
            conv(F.pad(h, (conv.kernel_size[0] - 1, 0))) for conv in self.encoder.average.convs
        ]
        return torch.stack(parts).mean(0).transpose(1, 2)


def measure_encoding(windows: int, rounds: int) -> None:
    torch.manual_seed(0)
    encoder = DilatedEncoder(CHANNELS)
    full, x = InFull(encoder), torch.randn(windows, WINDOW, CHANNELS)
    with torch.no_grad():
        gap = (encoder.last(x) - full(x)[:, -1]).abs().max()
        print(f"{windows} windows of {WINDOW} steps; largest difference {gap:.1e}")
        steps = {
            "last step only": lambda: encoder.last(x),
            "last step only, again": lambda: encoder.last(x),
        }
        steps["in full"] = lambda: full(x)[:, -1]
        timings = interleave({name: timed(step, 1) for name, step in steps.items()}, rounds)
    report(timings, "last step only")


def iteration(batch: SeriesBatch, in_full: bool) -> Callable[[], None]:
    torch.manual_seed(0)
    module = AutoTCL()
    module._trainer = SimpleNamespace(log_every_n_steps=0)  # type: ignore[assignment]
    module.manual_backward = lambda loss: loss.backward()  # type: ignore[method-assign]
    if in_full:
        module.encoder = InFull(module.encoder)  # type: ignore[assignment]
        module.average = InFull(module.average)  # type: ignore[assignment]
    optimizers = module.configure_optimizers()
    module.optimizers = lambda: optimizers  # type: ignore[method-assign]
    return lambda: module.training_step(batch, 0)


def measure_iteration(size: int, rounds: int) -> None:
    x = torch.randn(size, SECTION, CHANNELS, generator=torch.Generator().manual_seed(0))
    batch = SeriesBatch(x, torch.ones(x.shape[:2]), BatchKey(torch.arange(size), 0, 0, 0, size))
    steps = {"ours": iteration(batch, False), "in full": iteration(batch, True)}
    timings = interleave({name: timed(step, 1) for name, step in steps.items()}, rounds)
    print(f"an iteration with both updates, {size} sections of {SECTION} steps")
    report(timings, "ours")


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--windows", type=int, default=16)
    options.add_argument("--batch", type=int, default=32)
    given = parse(options)
    measure_encoding(given.windows, given.rounds)
    measure_iteration(given.batch, given.rounds)
