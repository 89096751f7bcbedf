"""Retrieval between two sides by cosine, as between images and captions."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.evaluation.pair_config import ImageTextRetrievalConfig
from common.evaluation.scores import keep, keep_rows
from common.evaluation.vectors import Vectors
from common.losses.precision import unit

# For rows of queries: which items are right, ``(rows, items)``.
Right = Callable[[slice], Tensor]


def evaluate_image_text_retrieval(
    inputs: Vectors, settings: ImageTextRetrievalConfig, seed: int
) -> dict[str, float]:
    """Returns ``image_to_text_r<k>``, ``text_to_image_r<k>`` and ``mean_recall``, in per cent.

    They have the names of both sides. For each of the partners' ``truths``, ``<name>_r1`` is the
    share of images whose best caption is true of them, whoever's caption it is.

    Args:
        inputs: Samples with partners.
        settings: Which k.
        seed: Not used: nothing is drawn.
    """
    partners = inputs.partners
    assert partners is not None  # the settings say that they are needed
    images, captions = unit(inputs.test.x), unit(partners.part.x)
    owner, (first, second) = torch.from_numpy(partners.owner), partners.names
    everyone = torch.arange(len(images))
    found: dict[str, float] = {}
    for name, queries, items, right in (
        (f"{first}_to_{second}", images, captions, lambda rows: everyone[rows, None] == owner),
        (f"{second}_to_{first}", captions, images, lambda rows: owner[rows, None] == everyone),
    ):
        ranks = _ranks(queries, items, right, settings.chunk)
        for k in settings.cutoffs:
            keep_rows(f"{name}_r{k}", 100 * (ranks < k).double())
            found[f"{name}_r{k}"] = percent_below(ranks, k)
    found["mean_recall"] = float(np.mean([*found.values()]))
    for name, (scenes, said) in partners.truths.items():
        ranks = _ranks(images, captions, _true(scenes, said), settings.chunk)
        found[f"{name}_r1"] = percent_below(ranks, 1)
    return found


def rank_of_best(scores: Tensor, right: Tensor) -> Tensor:
    """Returns how many wrong items score at least as high as the best right one, ``(queries,)``.

    A tie counts against the query, so that a collapsed encoder finds nothing.

    Args:
        scores: ``(queries, items)``.
        right: The same shape; a query without a right item has the last rank.
    """
    best = scores.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
    return ((scores >= best) & ~right).sum(1)


def percent_below(ranks: Tensor, k: int) -> float:
    """Returns the share of ``ranks``, which begin with 0, that are below ``k``, in per cent."""
    return 100 * (ranks < k).double().mean().item()


def _ranks(queries: Tensor, items: Tensor, right: Right, chunk: int) -> Tensor:
    ranks = []
    for start in range(0, len(queries), chunk):
        rows = slice(start, start + chunk)
        scores = queries[rows] @ items.T
        keep("image-text-retrieval", scores)
        ranks.append(rank_of_best(scores, right(rows)))
    return torch.cat(ranks)


def _true(scenes: NDArray[np.int64], said: NDArray[np.int64]) -> Right:
    so, words = torch.from_numpy(scenes), torch.from_numpy(said)
    return lambda rows: ((words == so[rows, None]) | (words < 0)).all(2)
