"""Time and memory of SupReMix's loss, forward and backward, against mixtures built as vectors.

    python -m benchmarks.supremix_loss [--batch 64] [--dim 128] [--forms ours,listed,published]

Two views, ages drawn from N(48, 16) in whole years, a window of 5, linear weights. ``published`` is
the form of the pre-release code, written by us without its defects: for every anchor a slot for
every ordered pair, (2N)^3 vectors of dim numbers. ``listed`` builds a vector for each mixture that
exists, and nothing else. Each measurement runs in a process of its own; they take turns.
"""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import parse, parser, peak_resident_bytes, print_memory
from papers.supremix.loss import supremix
from papers.supremix.reference import mix, mix_neg_slots, mix_pos_shares, mix_pos_slots

TEMPERATURE, WINDOW, VIEWS = 0.5, 5.0, 2
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def ours(z: Tensor, labels: Tensor, alpha: Tensor) -> Tensor:
    return supremix(z, labels, TEMPERATURE, WINDOW, alpha, "linear")


def _mixtures(z: Tensor, labels: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns vectors, labels and slots of all mixtures, and which are positives."""
    negatives, positives = mix_neg_slots(labels), mix_pos_slots(labels, WINDOW)
    shares = torch.cat(
        [alpha[negatives[:, 0], negatives[:, 2]], mix_pos_shares(labels, positives).to(z)]
    )
    slots = torch.cat([negatives, positives])
    is_positive = torch.arange(len(slots)) >= len(negatives)
    mixed_labels = torch.where(is_positive, labels[slots[:, 0]], mix(labels, slots, shares))
    return mix(z.detach(), slots, shares), mixed_labels, slots, is_positive


def _finish(scores: Tensor, weights: Tensor, positive: Tensor, exists: Tensor) -> Tensor:
    logits = (scores + weights.log()).masked_fill(~exists, -torch.inf)
    mean = torch.where(positive, scores, 0).sum(1) / positive.sum(1)
    return (logits.logsumexp(1) - mean).mean()


def published(z: Tensor, labels: Tensor, alpha: Tensor) -> Tensor:
    flat, y = z.flatten(0, 1), labels.repeat(VIEWS)
    vectors, mixed_labels, slots, is_positive = _mixtures(flat, y, alpha)
    count, dim = flat.shape
    place = slots[:, 1] * count + slots[:, 2]
    mixtures = flat.new_zeros(count, count**2, dim)
    mixtures[slots[:, 0], place] = vectors
    their_labels, positive = y.new_zeros(count, count**2), torch.zeros(count, count**2).bool()
    exists = positive.clone()
    their_labels[slots[:, 0], place] = mixed_labels
    positive[slots[:, 0], place], exists[slots[:, 0], place] = is_positive, True
    others = ~torch.eye(count, dtype=torch.bool)
    scores = torch.cat([flat @ flat.T, torch.einsum("ad,amd->am", flat, mixtures)], 1) / TEMPERATURE
    gaps = torch.cat([y[:, None] - y, y[:, None] - their_labels], 1).abs()
    positive = torch.cat([(y[:, None] == y) & others, positive], 1)
    return _finish(scores, gaps + 1, positive, torch.cat([others, exists], 1))


def listed(z: Tensor, labels: Tensor, alpha: Tensor) -> Tensor:
    flat, y = z.flatten(0, 1), labels.repeat(VIEWS)
    vectors, mixed_labels, slots, is_positive = _mixtures(flat, y, alpha)
    order = slots[:, 0].argsort(stable=True)
    anchor = slots[order, 0]
    per_anchor = torch.bincount(anchor, minlength=len(flat))
    column = torch.arange(len(anchor)) - (per_anchor.cumsum(0) - per_anchor)[anchor]
    width = int(per_anchor.max())
    score = (flat[anchor] * vectors[order]).sum(1) / TEMPERATURE
    scores = flat.new_zeros(len(flat), width).index_put((anchor, column), score)
    gap = (y[anchor] - mixed_labels[order]).abs()
    gaps = torch.zeros_like(scores).index_put((anchor, column), gap)
    exists = torch.arange(width) < per_anchor[:, None]
    positive = torch.zeros_like(exists).index_put((anchor, column), is_positive[order])
    others = ~torch.eye(len(flat), dtype=torch.bool)
    real = flat @ flat.T / TEMPERATURE
    same = (y[:, None] == y) & others
    return _finish(
        torch.cat([real, scores], 1),
        torch.cat([(y[:, None] - y).abs(), gaps], 1) + 1,
        torch.cat([same, positive], 1),
        torch.cat([others, exists], 1),
    )


FORMS: dict[str, Loss] = {"ours": ours, "listed": listed, "published": published}


def make_inputs(batch: int, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    z = F.normalize(torch.randn(VIEWS, batch, dim, generator=generator), dim=2)
    labels = (48 + 16 * torch.randn(batch, generator=generator)).round()
    alpha = torch.rand(VIEWS * batch, VIEWS * batch, generator=generator) * 0.4
    return z.requires_grad_(), labels, alpha


def step(name: str, batch: int, dim: int, chunk: int, threads: int) -> tuple[float, float, float]:
    """Returns the seconds of a forward and a backward pass, the MiB they add, and the loss."""
    torch.set_num_threads(threads)
    # Libraries and threads take memory once: not the loss's.
    FORMS[name](*make_inputs(4, dim)).backward()
    inputs = make_inputs(batch, dim)
    before, started = peak_resident_bytes(), time.perf_counter()
    loss = FORMS[name](*inputs)
    loss.backward()
    seconds = time.perf_counter() - started
    return seconds, (peak_resident_bytes() - before) / 2**20, loss.item()


if __name__ == "__main__":
    options = parser(__doc__.splitlines()[0])
    options.set_defaults(threads=1)
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--dim", type=int, default=128)
    options.add_argument("--forms", default="ours,listed,published")
    given = parse(options)
    names = given.forms.split(",")
    print_memory(
        step, [(name, given.batch, given.dim, 0, given.threads) for name in names], given.rounds
    )
