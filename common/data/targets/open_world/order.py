"""The order of an epoch: unlabelled and labelled rows in turn, labelled ones even over classes."""

import torch
from torch import Tensor


def alternating_order(labels: Tensor, labelled: Tensor, generator: torch.Generator) -> Tensor:
    """Returns rows ``unlabelled, labelled, unlabelled, ...``, as many as there are rows (even).

    The shorter pool is gone through again, in a new order. Without unlabelled rows all are
    labelled draws.

    Args:
        labels: ``(rows,)`` classes.
        labelled: ``(rows,)`` bool.
        generator: Generator of this epoch.
    """
    known, rest = labelled.nonzero()[:, 0], (~labelled).nonzero()[:, 0]
    if len(rest) == 0:
        return balanced_draws(known, labels[known], len(labels), generator)
    half = len(labels) // 2
    first = _cycled(rest, half, generator)
    second = balanced_draws(known, labels[known], half, generator)
    return torch.stack([first, second], dim=1).flatten()


def balanced_draws(rows: Tensor, labels: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Returns ``num`` of ``rows``: every class once, in a random order, then every class again.

    Args:
        rows: ``(rows,)``.
        labels: ``(rows,)`` their classes.
        num: How many to draw; a class's rows are gone through before any comes again.
        generator: Generator of this epoch.
    """
    kinds = labels.unique()
    rounds = -(-num // len(kinds))
    turns = torch.rand(rounds, len(kinds), generator=generator).argsort(dim=1).flatten()[:num]
    drawn = torch.empty(num, dtype=rows.dtype)
    for kind, label in enumerate(kinds):
        mine = turns == kind
        drawn[mine] = _cycled(rows[labels == label], int(mine.sum()), generator)
    return drawn


def _cycled(rows: Tensor, num: int, generator: torch.Generator) -> Tensor:
    passes = -(-num // len(rows))
    orders = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(passes)]
    return torch.cat([rows[:0], *orders])[:num]
