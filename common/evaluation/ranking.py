"""Full ranking of one relevant item among all: HR, NDCG and MRR at k.

The rank of the relevant item is 1 plus the number of others with a score at least as great: ties
count against the model, so that constant scores rank last. The padding item (column 0) is never
ranked. What the user has already met stays in the ranking
unless ``mask_history`` is set; masking it raises every figure (on Amazon Beauty NDCG@20 from
.0539 to .0665 with the same weights), so that the two must never stand in one table.

Early sequential recommenders were measured among 100 random items (``sampled_negatives``). Such
figures are far higher and can order methods otherwise (Krichene and Rendle, KDD 2020): their keys
carry ``sampled_``, and the full ranking always stands beside them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.evaluation.frozen import require_finite
from common.evaluation.scores import keep
from common.evaluation.vectors import Part, Vectors

if TYPE_CHECKING:
    from common.evaluation.ranking_config import RankingConfig


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
    ``targets (users,)`` the relevant item; ``ties`` as in `rank_scores` ("middle" is for counts,
    most of which are equal).
    """

    queries: Tensor
    items: Tensor
    targets: Tensor
    history: History | None = None
    ties: str = "pessimistic"

    @property
    def vectors(self) -> Vectors | None:
        """Those of the users; counts of items are none."""
        return None if self.ties == "middle" else Vectors(Part(self.queries.cpu))


def rank_scores(scores: Tensor, targets: Tensor, ties: str = "pessimistic") -> Tensor:
    """Returns the rank of each row's target, ``(users,)``, as float64.

    Args:
        scores: ``(users, num_items + 1)``; column 0 is ignored.
        targets: ``(users,)``.
        ties: How many of the others that are equal stand before the target: none (``strict``),
            half (``middle``) or all (``pessimistic``).
    """
    own = scores.gather(1, targets[:, None])
    scores = scores[:, 1:]
    keep("ranking", lambda: scores - own)
    rank = 1 + _count(torch.gt, scores, own)
    if ties == "strict":
        return rank
    # The target is always equal to itself.
    equal = _count(torch.eq, scores, own) - 1
    return rank + (equal / 2 if ties == "middle" else equal)


def _count(compare: Callable[..., Tensor], scores: Tensor, own: Tensor) -> Tensor:
    """Returns in how many columns each row compares so, ``(users,)``, as float64."""
    # Answers of 0 and 1 in the type of the scores: torch makes and adds them five times as fast as
    # booleans on a CPU. Their float32 sums are exact below 2 ** 24 items; a float16 sum is not.
    answers = compare(scores, own, out=torch.empty_like(scores))
    return answers.sum(dim=1, dtype=torch.promote_types(scores.dtype, torch.float32)).double()


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

    Raises:
        LikewiseError: A query, an item or their product is not finite.
    """
    _require_scores(inputs)
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


@torch.no_grad()
def rank_among_sampled(
    inputs: RankingInput, num_negatives: int, seed: int, chunk: int = 128
) -> Tensor:
    """Returns the rank of each user's target among drawn items, ``(users,)``, on the CPU.

    The items are drawn uniformly and without repetition of all that the user never met, the target
    left out; where fewer are left, all of them. They depend on ``seed`` and the user's place alone,
    not on ``chunk``, so that all methods under one seed are ranked among the same.

    Raises:
        LikewiseError: A query, an item or their product is not finite.
    """
    _require_scores(inputs)
    generator = np.random.default_rng([seed, num_negatives])
    ranks = []
    for start in range(0, len(inputs.queries), chunk):
        rows = slice(start, start + chunk)
        targets = inputs.targets[rows]
        keys = _keys(inputs, generator, start, targets.cpu()).to(targets.device)
        drawn = keys.topk(min(num_negatives, keys.shape[1]), dim=1)
        # Column 0 is never ranked, column 1 is the target.
        items = torch.cat((targets.new_zeros(len(targets), 1), targets[:, None], drawn.indices), 1)
        scores = inputs.queries[rows] @ inputs.items.T
        scores = scores.gather(1, items)
        scores[:, 2:] = scores[:, 2:].masked_fill(drawn.values < 0, -torch.inf)
        ranks.append(rank_scores(scores, torch.ones_like(targets), inputs.ties).cpu())
    return torch.cat(ranks)


def _require_scores(inputs: RankingInput) -> None:
    queries = require_finite(inputs.queries, "embeddings of users")
    items = require_finite(inputs.items, "the item table")
    # No product is greater than that of the norms: as if all scores had been looked at.
    longest = [
        torch.linalg.vector_norm(x, dim=1, dtype=torch.float64).max() for x in (queries, items)
    ]
    require_finite((longest[0] * longest[1]).to(queries.dtype), "scores, by the norms")


def _keys(
    inputs: RankingInput, generator: np.random.Generator, start: int, targets: Tensor
) -> Tensor:
    """Returns ``(users, num_items + 1)`` random numbers, -1 where an item must not be drawn."""
    # One stream, row after row: rows are the same however many are drawn at once.
    shape = (len(targets), len(inputs.items))
    keys = torch.from_numpy(generator.random(shape, dtype=np.float32))
    if inputs.history is not None:
        keys[inputs.history.cells(start, start + len(targets))] = -1.0
    keys[:, 0] = -1.0
    return keys.scatter_(1, targets[:, None], -1.0)


def evaluate_ranking(
    inputs: RankingInput, settings: "RankingConfig", seed: int
) -> dict[str, float]:
    """Returns HR, NDCG and MRR at each k, means over users from 0 to 1, more is better.

    They tell whether a user's next item is among the first k of all, and how near to the top.
    ``seed`` draws the items of the sampled columns, if wanted.
    """
    ranks = rank_all(inputs, settings.mask_history, settings.chunk)
    metrics = ranking_metrics(ranks, settings.cutoffs)
    if settings.sampled_negatives is not None:
        ranks = rank_among_sampled(inputs, settings.sampled_negatives, seed, settings.chunk)
        sampled = ranking_metrics(ranks, settings.cutoffs)
        metrics |= {f"sampled_{key}": value for key, value in sampled.items()}
    return metrics
