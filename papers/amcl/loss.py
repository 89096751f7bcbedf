"""AMCL's loss (Table 2): per head, pull and push with a temperature for each pair.

The loss is the sum over heads of the mean over directions and rows of
``pull + push + beta * (Omega of positives - Omega of negatives)``.

In float32 or wider: 1 / tau reaches 1e5, beyond half precision. Several processes: negatives and
channel statistics are of the global batch; averaged gradients are those of one process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from common.distributed.collectives import gather_with_grad, rank, world_size
from common.losses.barlow import UNBIASED_EPS, correlate, standardise
from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import unit, upcast
from papers.amcl.temperature import omega, temperature

CHUNK_ROWS = 512

Phi = Callable[[Tensor], Tensor]


class Result(NamedTuple):
    """A loss, and without gradient what it consists of.

    ``terms``: (heads, directions, rows, 4), pull, push, Omega of positives and of negatives.
    ``taus``: (heads, kinds, pairs), the temperatures of positives and, where there are any, of each
    positive's nearest negative.
    """

    loss: Tensor
    terms: Tensor
    taus: Tensor


@dataclass(frozen=True)
class Rule:
    """What Table 2 and the official code's second generation leave open or differ in.

    Args:
        low: The least temperature; with ``high`` the same, all temperatures are constant.
        high: The largest.
        beta: Weight of Omega.
        top_k: How many of the nearest negatives count; the paper has 1.
        log_sum_exp: All negatives push through a log-sum-exp; ``top_k`` are regularised.
        negative_dim: d' in the negatives' Omega; 2 is generation 2's, None the projection's own.
        with_positive: The positive is among the negatives (Eq. 2.4, the InfoNCE form).
        off_diagonal_weight: lambda of Barlow Twins.
        std_eps: Added to the deviations that its columns are divided by.
    """

    low: float = 1e-5
    high: float = 2.0
    beta: float = 1e-4
    top_k: int = 100
    log_sum_exp: bool = False
    negative_dim: int | None = 2
    with_positive: bool = False
    off_diagonal_weight: float = 5e-3
    std_eps: float = UNBIASED_EPS

    def temperature(self, score: Tensor) -> Tensor:
        """Returns the temperatures of pairs with phi's products ``score``."""
        return temperature(score, self.low, self.high)

    def weigh(self, terms: Tensor) -> Tensor:
        """Returns the weighted sum of ``(..., 4)`` terms, ``(...)``."""
        return terms @ terms.new_tensor([1.0, 1.0, self.beta, -self.beta])


class Points(NamedTuple):
    """Unit vectors ``z`` ``(num, dim)`` with phi's values ``phi`` ``(num, width)``."""

    z: Tensor
    phi: Tensor


def points(z: Tensor, phi: Phi) -> Points:
    """Returns ``z`` ``(num, dim)``, of any norm, as unit vectors with phi's values."""
    u = unit(z)
    return Points(u, phi(u))


def contrast_views(z1: Tensor, z2: Tensor, phi: Phi, rule: Rule) -> Result:
    """SimCLR's pairs (Eq. 2.1; generation 2's top-k form, or log-sum-exp).

    An anchor's negatives are both views of all other images: 2 * batch - 2.

    Args:
        z1: ``(batch, heads, dim)``, of any norm.
        z2: The same of the other view.
        phi: Maps unit vectors to the values whose products are scores.
        rule: The form of the loss.
    """
    batch = len(z1)
    first = torch.arange(batch, device=z1.device) + rank() * batch
    total = 2 * batch * world_size()
    itself = torch.cat([first, first + total // 2])
    excluded = torch.stack([itself, (itself + total // 2) % total], 1)
    results = []
    with torch.autocast(z1.device.type, enabled=False):
        for a, b in zip(z1.unbind(1), z2.unbind(1), strict=True):
            u, v = points(a, phi), points(b, phi)
            everyone = _both(_gather(u), _gather(v))
            results.append(_contrast(_both(u, v), _both(v, u), everyone, excluded, rule))
    return _sum_heads(results, batch)


def contrast_queue(
    q: Tensor, k: Tensor, queue: Tensor, phi: Phi, rule: Rule, symmetric: bool = True
) -> Result:
    """MoCo's pairs: queries and keys against one queue a head; no gradient to keys and queue.

    Args:
        q: ``(batch, heads, dim)``, queries of any norm.
        k: ``(batch, heads, dim)``, keys of any norm.
        queue: ``(heads, length, dim)``, unit keys of earlier batches.
        phi: As in `contrast_views`.
        rule: The form of the loss.
        symmetric: Keys are anchors too, with the queries as positives (generation 2).
    """
    results = []
    with torch.autocast(q.device.type, enabled=False):
        for a, b, old in zip(q.unbind(1), k.detach().unbind(1), queue.detach(), strict=True):
            u, v = points(a, phi), points(b, phi)
            # The graph of phi keeps what it read, and the queue is written before it is used.
            negatives = old.to(u.z.dtype, copy=True)
            others = Points(negatives, phi(negatives))
            pair = (_both(u, v), _both(v, u)) if symmetric else (u, v)
            results.append(_contrast(*pair, others, None, rule))
    return _sum_heads(results, len(q))


def attract(p1: Tensor, z1: Tensor, p2: Tensor, z2: Tensor, phi: Phi, rule: Rule) -> Result:
    """SimSiam's pairs (Eq. 2.2): predictions and targets that get no gradient; nothing pushes.

    The paper halves the pull of each direction, not Omega: in a mean over directions Omega counts
    twice.

    Args:
        p1: ``(batch, heads, dim)``, predictions of any norm.
        z1: ``(batch, heads, dim)``, or one head that all predictions share.
        p2: Predictions of the other view.
        z2: Targets of the other view.
        phi: As in `contrast_views`.
        rule: The form of the loss.
    """
    directions, taus = [], []
    with torch.autocast(p1.device.type, enabled=False):
        for p, z in ((p1, z2), (p2, z1)):
            u, v = unit(p), unit(z.detach())
            tau = rule.temperature((phi(u) * phi(v)).sum(2))
            pull, nothing = -(u * v).sum(2) / tau, torch.zeros_like(tau)
            parts = [pull, nothing, 2 * omega(tau, p.shape[2]), nothing]
            directions.append(torch.stack(parts, 2).transpose(0, 1))
            taus.append(tau.detach().T)
        terms = torch.stack(directions, 1)  # (heads, 2, batch, 4)
        loss = rule.weigh(terms).mean((1, 2)).sum()
    return Result(loss, terms.detach(), torch.cat(taus, 1).unsqueeze(1))


def decorrelate(z1: Tensor, z2: Tensor, phi: Phi, rule: Rule) -> Result:
    """Barlow Twins' pairs are channels (Eq. 2.3); tau divides C on the diagonal, C^2 off it.

    Args:
        z1: ``(batch, heads, dim)``.
        z2: The same of the other view.
        phi: Maps a channel's raw values over the global batch to as many.
        rule: The form of the loss.
    """
    results = []
    with torch.autocast(z1.device.type, enabled=False):
        for a, b in zip(z1.unbind(1), z2.unbind(1), strict=True):
            x, y = (gather_with_grad(upcast(z)) for z in (a, b))
            results.append(_decorrelate(x, y, phi, rule))
    return _sum_heads(results, 1)


def _gather(own: Points) -> Points:
    return Points(gather_with_grad(own.z), gather_with_grad(own.phi))


def _both(first: Points, second: Points) -> Points:
    return Points(torch.cat([first.z, second.z]), torch.cat([first.phi, second.phi]))


def _sum_heads(results: list[Result], rows: int) -> Result:
    losses, terms, taus = (torch.stack(part) for part in zip(*results, strict=True))
    return Result(losses.sum(), terms.unflatten(1, (-1, rows)), taus)


def _contrast(
    anchors: Points, partners: Points, others: Points, excluded: Tensor | None, rule: Rule
) -> Result:
    """Returns one head's mean over anchors, terms ``(anchors, 4)`` and taus ``(2, anchors)``.

    ``excluded``: (anchors, any) columns of ``others`` that are no negatives. Memory grows with
    ``CHUNK_ROWS * others``.
    """
    num, dim = anchors.z.shape
    found, found_taus = anchors.z.new_zeros(num, 4), anchors.z.new_zeros(2, num)

    def chunk(rows: slice, *flat: Tensor) -> Tensor:
        a, p, o = (Points(*flat[i : i + 2]) for i in (0, 2, 4))
        positive = (a.z[rows] * p.z[rows]).sum(1, keepdim=True)
        positive_tau = rule.temperature((a.phi[rows] * p.phi[rows]).sum(1, keepdim=True))
        cosines, taus = a.z[rows] @ o.z.T, rule.temperature(a.phi[rows] @ o.phi.T)
        out = None if excluded is None else excluded[rows]
        if rule.with_positive:
            cosines, taus = torch.cat([cosines, positive], 1), torch.cat([taus, positive_tau], 1)
        push, tau = _push(cosines, taus, out, rule)
        regulariser = omega(tau, rule.negative_dim or dim).sum(1, keepdim=True)
        pull = -positive / positive_tau
        terms = torch.cat([pull, push, omega(positive_tau, dim), regulariser], 1)
        found[rows], found_taus[0, rows] = terms.detach(), positive_tau.detach()[:, 0]
        found_taus[1, rows] = tau.detach()[:, 0]
        return rule.weigh(terms).sum()

    total = sum_over_row_chunks(chunk, num, CHUNK_ROWS, *anchors, *partners, *others)
    return Result(total / num, found, found_taus)


def _push(
    cosines: Tensor, taus: Tensor, excluded: Tensor | None, rule: Rule
) -> tuple[Tensor, Tensor]:
    """Returns the negatives' push ``(rows, 1)`` and the temperatures of the nearest ``(rows, k)``.

    The nearest are those of the largest cosine: by ``cosine / tau`` it would be another loss.
    """

    def allowed(x: Tensor) -> Tensor:
        return x if excluded is None else x.scatter(1, excluded, -torch.inf)

    num = cosines.shape[1] - (0 if excluded is None else excluded.shape[1])
    nearest, places = allowed(cosines).topk(min(rule.top_k, num), dim=1)
    tau = taus.gather(1, places)
    if rule.log_sum_exp:
        return allowed(cosines / taus).logsumexp(1, keepdim=True), tau
    return (nearest / tau).mean(1, keepdim=True), tau


def _decorrelate(z1: Tensor, z2: Tensor, phi: Phi, rule: Rule) -> Result:
    """Returns one head's loss, terms ``(1, 4)`` and taus ``(2, dim)``.

    A channel's nearest negative is the other channel that it correlates with most. Memory grows
    with ``CHUNK_ROWS * dim``.
    """
    dim = z1.shape[1]
    found, found_taus = z1.new_zeros(1, 4), z1.new_zeros(2, dim)
    channels = torch.arange(dim, device=z1.device)

    def chunk(rows: slice, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        correlations, taus = correlate(x[:, rows], y), rule.temperature(a[rows] @ b.T)
        is_pair = channels[rows, None] == channels
        agreement, tau = correlations.diagonal(rows.start), taus.diagonal(rows.start)
        redundancy = torch.where(is_pair, 0, correlations.square() / taus).sum()
        terms = torch.stack(
            [
                (1 - agreement / tau).square().sum(),
                rule.off_diagonal_weight * redundancy,
                omega(tau, dim).sum(),
                torch.where(is_pair, 0, omega(taus, dim)).sum(),
            ]
        )
        found.add_(terms.detach())
        nearest = correlations.detach().abs().masked_fill(is_pair, -1).argmax(1, keepdim=True)
        found_taus[0, rows] = tau.detach()
        found_taus[1, rows] = taus.detach().gather(1, nearest)[:, 0]
        return rule.weigh(terms)

    # phi sees the channels as they are, not standardised.
    x, y = (standardise(z, rule.std_eps) for z in (z1, z2))
    inputs = x, y, phi(z1.T), phi(z2.T)
    loss = sum_over_row_chunks(chunk, dim, CHUNK_ROWS, *inputs)
    return Result(loss, found, found_taus)
