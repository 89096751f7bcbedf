"""MoCHi's synthetic negatives and the loss with them (arXiv 2010.01028)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import unit

# Few: a chunk holds its mixtures, (rows, mixtures, dim).
CHUNK_ROWS = 64


class Draws(NamedTuple):
    """Which of a query's hard keys are mixed, and how; each (rows, mixtures).

    ``first``, ``second`` and ``with_query`` are places among the hard keys, 0 the hardest;
    ``share`` is that of ``first`` (0 to 1), ``query_share`` that of the query (0 to one half).
    """

    first: Tensor
    second: Tensor
    share: Tensor
    with_query: Tensor
    query_share: Tensor

    def of(self, rows: slice) -> "Draws":
        """Returns those of ``rows``."""
        return Draws(*(part[rows] for part in self))


def draw(
    rows: int, num_hard: int, num_keys: int, num_queries: int, generator: torch.Generator
) -> Draws:
    """Returns draws for ``rows`` queries, on the CPU, shares in float64.

    Two places may be one: the mixture is then a copy of its key, as in both re-implementations.

    Args:
        rows: Queries.
        num_hard: Hard keys of a query, N.
        num_keys: Mixtures of two keys, s.
        num_queries: Mixtures of a key and the query, s'.
        generator: What is drawn from.
    """

    def places(count: int) -> Tensor:
        return torch.randint(num_hard, (rows, count), generator=generator)

    def shares(count: int) -> Tensor:
        return torch.rand(rows, count, generator=generator, dtype=torch.float64)

    return Draws(
        places(num_keys),
        places(num_keys),
        shares(num_keys),
        places(num_queries),
        shares(num_queries) / 2,
    )


@torch.no_grad()
def hardest_keys(products: Tensor, num_hard: int) -> Tensor:
    """Returns each query's nearest keys, the hardest first, ``(rows, num_hard)`` (Eq. 2).

    Args:
        products: ``(rows, length)``, queries times the queue; what is no negative is -infinity.
        num_hard: How many.
    """
    return products.topk(num_hard, dim=1).indices


@torch.no_grad()
def mix(q: Tensor, queue: Tensor, rank: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Returns the mixtures of keys and those with the query, ``(rows, mixtures, dim)``, unit.

    Args:
        q: ``(rows, dim)``, unit queries; they get no gradient through a mixture.
        queue: ``(length, dim)``, unit keys.
        rank: ``(rows, num_hard)``, rows of the queue.
        draws: Places in ``rank``, and shares.
    """
    share, query_share = (part[..., None].to(q.dtype) for part in (draws.share, draws.query_share))
    first, second, third = (
        queue[rank.gather(1, places)] for places in (draws.first, draws.second, draws.with_query)
    )
    of_keys = share * first + (1 - share) * second
    of_query = query_share * q[:, None] + (1 - query_share) * third
    return F.normalize(of_keys, dim=-1), F.normalize(of_query, dim=-1)


def mixed_logits(
    q: Tensor,
    k: Tensor,
    queue: Tensor,
    num_hard: int,
    draws: Draws,
    temperature: float,
    excluded: Tensor | None = None,
) -> Tensor:
    """Returns the logits ``(rows, 1 + length + mixtures)``: key, queue, mixtures of both kinds.

    The mixtures are constants: the gradient reaches ``q`` through the products alone.

    Args:
        q: ``(rows, dim)``, unit queries.
        k: ``(rows, dim)``, unit keys.
        queue: ``(length, dim)``, unit keys.
        num_hard: N.
        draws: Draws of these rows.
        temperature: Divides the products.
        excluded: ``(rows, length)``, which keys are no negatives of a query: those of its own
            image, or for an upper bound those of its class. None: all are.
    """
    products = q @ queue.T
    if excluded is not None:
        products = products.masked_fill(excluded, -torch.inf)
    mixtures = torch.cat(mix(q, queue, hardest_keys(products, num_hard), draws), 1)
    positive = (q * k).sum(1, keepdim=True)
    synthetic = torch.einsum("bd,bmd->bm", q, mixtures)
    return torch.cat([positive, products, synthetic], 1) / temperature


def mixed_contrast(
    q: Tensor,
    k: Tensor,
    queue: Tensor,
    num_hard: int,
    draws: Draws,
    temperature: float,
    excluded: Tensor | None = None,
) -> Tensor:
    """Returns the mean over queries of the cross-entropy of `mixed_logits` with the key.

    In float32 or wider, ranking included. Several processes: the mean is over this process's
    queries, so that averaged gradients are those of the global batch.

    Args:
        q: ``(batch, dim)``, of any norm.
        k: ``(batch, dim)``, of any norm.
        queue: As the other arguments, see `mixed_logits`.
        num_hard: N.
        draws: Draws of these rows.
        temperature: Divides the products.
        excluded: ``(batch, length)``, or None.
    """
    with torch.autocast(q.device.type, enabled=False):
        anchors, keys = unit(q), unit(k.detach())
        negatives = queue.detach().to(anchors.dtype)

        def row_loss(rows: slice, anchors: Tensor) -> Tensor:
            left_out = None if excluded is None else excluded[rows]
            own = anchors[rows], keys[rows], negatives, num_hard, draws.of(rows)
            logits = mixed_logits(*own, temperature, left_out)
            return (logits.logsumexp(1) - logits[:, 0]).sum()

        return sum_over_row_chunks(row_loss, len(q), CHUNK_ROWS, anchors) / len(q)


def proxy_top1(logits: Tensor) -> Tensor:
    """Returns the share of queries whose key is above all their negatives (Eq. 10)."""
    return (logits[:, 0] > logits[:, 1:].amax(1)).to(logits.dtype).mean()
