"""Time and peak memory of CLIP's loss, forward and backward, against batch size and row chunks.

    python -m benchmarks.clip_loss --batches 1024,4096,8192 --chunks 512,8192

``whole`` holds all scores at once, as two cross-entropies of one matrix. Each measurement runs in
a process of its own; they take turns.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import CLOCKS, parse, parser, peak_resident_bytes, print_memory
from common.losses import clip
from common.losses.clip import clip_loss


def whole(u: Tensor, v: Tensor, log_scale: Tensor) -> Tensor:
    scores = log_scale.exp() * F.normalize(u, dim=1) @ F.normalize(v, dim=1).T
    own = torch.arange(len(u))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def ours(u: Tensor, v: Tensor, log_scale: Tensor) -> Tensor:
    return clip_loss(u, v, log_scale).total


FORMS = {"ours": ours, "whole": whole}


def step(name: str, batch: int, dim: int, chunk: int, clock: str) -> tuple[float, float, float]:
    """Returns the seconds of a forward and a backward pass, the MiB they add, and the loss."""
    torch.set_num_threads(1)
    clip.CHUNK_ROWS = chunk

    def inputs(rows: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(0)
        made = [torch.randn(rows, dim, generator=generator) for _ in range(2)]
        return [x.requires_grad_() for x in (*made, torch.tensor(2.66))]

    # Libraries take memory once: not the loss's.
    FORMS[name](*inputs(8)).backward()
    given, now = inputs(batch), CLOCKS[clock]
    before, started = peak_resident_bytes(), now()
    loss = FORMS[name](*given)
    loss.backward()
    return now() - started, (peak_resident_bytes() - before) / 2**20, loss.item()


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--batches", default="1024,4096,8192")
    options.add_argument("--dim", type=int, default=128)
    options.add_argument("--chunks", default=str(clip.CHUNK_ROWS))
    options.add_argument("--forms", default="ours,whole")
    given = parse(options)
    print_memory(
        step,
        [
            (name, batch, given.dim, chunk, given.clock)
            for batch in map(int, given.batches.split(","))
            for name in given.forms.split(",")
            for chunk in (map(int, given.chunks.split(",")) if name == "ours" else [0])
        ],
        given.rounds,
    )
