"""Cosines of pairs against people's scores, as SimCSE's copy of SentEval joins them."""

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata
from torch import Tensor

from common.evaluation.scores import keep
from common.evaluation.text_config import StsConfig
from common.evaluation.vectors import Vectors


def evaluate_sts(inputs: Vectors, settings: StsConfig, seed: int) -> dict[str, float]:
    """Returns correlations of cosines with people's scores, over all pairs, x 100: -100 to 100.

    Beside Spearman's and Pearson's over all pairs, means of Spearman's over the parts of the set,
    where there are several; 0 is chance.

    Args:
        inputs: Holds pairs with scores.
        settings: None are needed.
        seed: Not used.
    """
    graded = inputs.pairs
    assert graded is not None  # the settings say that they are needed
    cosines = cosine(graded.first.x, graded.second.x)
    keep("sts", cosines)
    values, scores = cosines.double().numpy(), graded.scores
    metrics = {"spearman": spearman(values, scores), "pearson": pearson(values, scores)}
    each, counts = by_subset(values, scores, graded.subsets)
    if len(each) > 1:
        metrics["spearman_mean"] = float(each.mean())
        metrics["spearman_wmean"] = float(np.average(each, weights=counts))
    return metrics


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Returns the cosine of each pair of rows, ``(rows,)``, 0 where one is the zero vector."""
    tiny = torch.finfo(first.dtype).tiny
    return (F.normalize(first, dim=1, eps=tiny) * F.normalize(second, dim=1, eps=tiny)).sum(1)


def by_subset(
    cosines: NDArray[np.float64], scores: NDArray[np.float64], subsets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Returns Spearman's correlation in each part of a task, and the pairs of each.

    Papers report the correlation over all pairs joined. Means over parts differ from it by points.
    """
    names, counts = np.unique(subsets, return_counts=True)
    each = [spearman(cosines[subsets == name], scores[subsets == name]) for name in names]
    return np.array(each), counts


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Returns 100 times Spearman's correlation; equal values share their mean rank."""
    return pearson(rankdata(first), rankdata(second))


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Returns 100 times Pearson's correlation; 0, with a warning, where one is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        warnings.warn("all cosines or all scores are equal: the correlation is 0", stacklevel=2)
        return 0.0
    return 100 * float(pearsonr(first, second).statistic)
