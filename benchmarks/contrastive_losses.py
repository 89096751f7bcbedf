"""Time and peak memory of contrastive losses, forward and backward, in row chunks and whole.

    python -m benchmarks.contrastive_losses --clock cpu --rounds 3
    python -m benchmarks.contrastive_losses --batch 32768 --losses nt-xent,hydra --whole ""

Whole is one chunk of all rows. Each measurement runs in a process of its own; they take turns.
"""

import sys

import torch
from torch import Tensor

from benchmarks.timing import CLOCKS, parse, parser, peak_resident_bytes, print_memory
from common.losses import clip, infonce
from common.losses.supcon import supcon
from papers.amcl import loss as amcl
from papers.amcl.temperature import TemperatureNetwork
from papers.hydra import loss as hydra

# `common.losses.supcon` is a function as well.
PARTS = (infonce, clip, hydra, amcl, sys.modules[supcon.__module__])
CLASSES, HEADS, WHOLE = 100, 3, 1 << 30


def of_amcl(a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    torch.manual_seed(0)
    phi = TemperatureNetwork(a.shape[1], a.shape[1])
    heads = [z[:, None].expand(-1, HEADS, -1) for z in (a, b)]
    return amcl.contrast_views(*heads, phi, amcl.Rule()).loss


def of_hydra(a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    gate, partners = torch.ones_like(a), labels.roll(1)
    return hydra.pair_contrast(a, b, gate, labels, partners, labels, 10.0)


def of_supcon(a: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    return supcon(torch.nn.functional.normalize(torch.stack([a, b]), dim=2), labels, 0.1)


LOSSES = {
    "nt-xent": lambda a, b, labels: infonce.nt_xent(a, b, 0.1),
    "supcon": of_supcon,
    "clip": lambda a, b, labels: clip.clip_loss(a, b, torch.tensor(2.66)).total,
    "hydra": of_hydra,
    "amcl": of_amcl,
}


def step(name: str, batch: int, dim: int, chunk: int, clock: str) -> tuple[float, float, float]:
    """Returns the seconds of a forward and a backward pass, the MiB they add, and the loss."""
    torch.set_num_threads(1)
    for part in PARTS:
        part.CHUNK_ROWS = chunk or WHOLE

    def inputs(rows: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(0)
        labels = torch.randint(CLASSES, (rows,), generator=generator)
        drawn = (torch.randn(rows, dim, generator=generator) for _ in range(2))
        return [*(z.requires_grad_() for z in drawn), labels]

    # Libraries take memory once: not the loss's.
    LOSSES[name](*inputs(8)).backward()
    given, now = inputs(batch), CLOCKS[clock]
    before, started = peak_resident_bytes(), now()
    loss = LOSSES[name](*given)
    loss.backward()
    return now() - started, (peak_resident_bytes() - before) / 2**20, loss.item()


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--batch", type=int, default=8192)
    options.add_argument("--dim", type=int, default=128)
    options.add_argument("--chunk", type=int, default=infonce.CHUNK_ROWS)
    options.add_argument("--losses", default="nt-xent,supcon,clip,hydra")
    options.add_argument("--whole", default="nt-xent,supcon,clip,hydra")
    given = parse(options)
    whole = given.whole.split(",")
    print_memory(
        step,
        [
            (name, given.batch, given.dim, chunk, given.clock)
            for name in given.losses.split(",")
            for chunk in ((given.chunk, 0) if name in whole else (given.chunk,))
        ],
        given.rounds,
    )
