"""Full ranking of one relevant item among all: HR, NDCG and MRR at k.

The rank of the relevant item is 1 plus the number of items with a strictly greater score. The
padding item (column 0) is never ranked. What the user has already met stays in the ranking
unless ``mask_history`` is set; masking it raises every figure (on Amazon Beauty NDCG@20 from
.0539 to .0665 with the same weights), so that the two must never stand in one table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from common.evaluation.config import RankingConfig


class History(NamedTuple):
    """What user u met before: ``items[offsets[u] : offsets[u + 1]]``, on the CPU."""

    items: Tensor
    offsets: Tensor

    def cells(self, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Returns (row, item) of all that users ``first`` to ``last`` - 1 met."""
        offsets = self.offsets[first : last + 1]
        rows = torch.arange(len(offsets) - 1).repeat_interleave(offsets.diff())
        return rows, self.items[offsets[0] : offsets[-1]]


@dataclass
class RankingInput:
    """Users and items to be scored by dot products.

    ``queries (users, dim)``; ``items (num_items + 1, dim)``, row 0 the padding item;
    ``targets (users,)`` the relevant item. ``ties`` tells how an equal score counts: not at all
    ("strict"), or half ("middle": for counts, whose many ties would else all be won).
    """

    queries: Tensor
    items: Tensor
    targets: Tensor
    history: History | None = None
    ties: str = "strict"


def rank_scores(scores: Tensor, targets: Tensor, ties: str = "strict") -> Tensor:
    """Returns the rank of each row's target, ``(users,)``, as float64.

    Args:
        scores: ``(users, num_items + 1)``; column 0 is ignored.
        targets: ``(users,)``.
        ties: ``strict``, ``middle`` (half of the others that are equal) or ``pessimistic``.
    """
    own = scores.gather(1, targets[:, None])
    scores = scores[:, 1:]
    rank = 1 + (scores > own).sum(dim=1).double()
    if ties == "strict":
        return rank
    # The target is always equal to itself.
    equal = (scores == own).sum(dim=1).double() - 1
    return rank + (equal / 2 if ties == "middle" else equal)


def ranking_metrics(ranks: Tensor, cutoffs: list[int]) -> dict[str, float]:
    """Returns ``hr@k``, ``ndcg@k`` and ``mrr@k``, means over the users.

    With one relevant item NDCG is 1 / log2(rank + 1) and MRR 1 / rank, both 0 beyond k.
    """
    ranks = ranks.double().cpu()
    metrics = {}
    for k in cutoffs:
        hit = (ranks <= k).double()
        metrics[f"hr@{k}"] = hit.mean().item()
        metrics[f"ndcg@{k}"] = (hit / (ranks + 1).log2()).mean().item()
        metrics[f"mrr@{k}"] = (hit / ranks).mean().item()
    return metrics


@torch.no_grad()
def rank_all(inputs: RankingInput, mask_history: bool = False, chunk: int = 128) -> Tensor:
    """Returns the rank of each user's target, ``(users,)``, on the CPU.

    Memory grows with ``chunk`` times the number of items, never with the number of users.
    """
    ranks = []
    for start in range(0, len(inputs.queries), chunk):
        rows = slice(start, start + chunk)
        scores, targets = inputs.queries[rows] @ inputs.items.T, inputs.targets[rows]
        if mask_history and inputs.history is not None:
            own = scores.gather(1, targets[:, None])
            met = inputs.history.cells(start, start + len(scores))
            scores[met[0].to(scores.device), met[1].to(scores.device)] = -torch.inf
            # An item met before can be the target once more: it is what is ranked.
            scores.scatter_(1, targets[:, None], own)
        ranks.append(rank_scores(scores, targets, inputs.ties).cpu())
    return torch.cat(ranks)


def evaluate_ranking(
    inputs: RankingInput, settings: "RankingConfig", seed: int
) -> dict[str, float]:
    """The protocol ``ranking``; deterministic, so ``seed`` is not used."""
    ranks = rank_all(inputs, settings.mask_history, settings.chunk)
    return ranking_metrics(ranks, settings.cutoffs)
