"""Time and peak memory of Hydra's loss, forward and backward, against the form that gates all keys.

    python -m benchmarks.hydra_loss                      # batch 512: both forms
    python -m benchmarks.hydra_loss --batch 4096 --forms ours --chunks 128,512,4096

``published`` is form A as the authors' code computes it, written by us: every key is gated for
every anchor, batch x keys x dim numbers. ``ours`` takes two matrix products and holds chunk x keys
numbers at a time. Each measurement runs in a process of its own; they take turns.
"""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import parse, parser, peak_resident_bytes, print_memory
from papers.hydra import loss as hydra
from papers.hydra.loss import pair_contrast, pair_terms, positives_and_negatives

SCALE, CLASSES = 10.0, 100
Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def ours(q: Tensor, k: Tensor, gate: Tensor, y: Tensor, y2: Tensor) -> Tensor:
    return pair_contrast(q, k, gate, y, y2, y, SCALE)


def published(q: Tensor, k: Tensor, gate: Tensor, y: Tensor, y2: Tensor) -> Tensor:
    anchors = F.normalize(q * gate, dim=1)
    keys = F.normalize(k * gate[:, None], dim=2)  # (batch, keys, dim)
    logits = SCALE * torch.einsum("bd,bnd->bn", anchors, keys)
    positive, negative = positives_and_negatives(y, y2, y)
    return pair_terms(logits, positive, negative).sum() / positive.sum()


FORMS: dict[str, Callable[..., Tensor]] = {"ours": ours, "published": published}


def make_inputs(batch: int, dim: int) -> Inputs:
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(batch, dim, generator=generator).requires_grad_() for _ in range(2))
    gate = torch.rand(batch, dim, generator=generator).requires_grad_()
    y = torch.randint(CLASSES, (batch,), generator=generator)
    return q, k, gate, y, y[torch.randperm(batch, generator=generator)]


def step(name: str, batch: int, dim: int, chunk: int, threads: int) -> tuple[float, float, float]:
    """Returns the seconds of a forward and a backward pass, the MiB they add, and the loss."""
    torch.set_num_threads(threads)
    hydra.CHUNK_ROWS = chunk
    # Libraries and threads take memory once: not the loss's.
    FORMS[name](*make_inputs(8, dim)).backward()
    inputs = make_inputs(batch, dim)
    before, started = peak_resident_bytes(), time.perf_counter()
    loss = FORMS[name](*inputs)
    loss.backward()
    seconds = time.perf_counter() - started
    return seconds, (peak_resident_bytes() - before) / 2**20, loss.item()


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--batch", type=int, default=512)
    options.add_argument("--dim", type=int, default=256)
    options.add_argument("--chunks", default=str(hydra.CHUNK_ROWS))
    options.add_argument("--forms", default="ours,published")
    given = parse(options)
    sizes = {"ours": map(int, given.chunks.split(",")), "published": [0]}
    print_memory(
        step,
        [
            (name, given.batch, given.dim, chunk, given.threads)
            for name in given.forms.split(",")
            for chunk in sizes[name]
        ],
        given.rounds,
    )
