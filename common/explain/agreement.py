"""How far attributions agree with each other, and how well one finds what is known to matter.

Agreement is no measure of validity (Neely et al., A Song of (Dis)agreement): it is shown beside the
accuracy and never in its place.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata, weightedtau
from sklearn.metrics import roc_auc_score

Scores = NDArray[np.float64]


def agreement(first: Scores, second: Scores, top: int) -> dict[str, float]:
    """Returns Kendall's tau, the weighted tau and Kendall's tau of the ``top`` units.

    In the weighted tau a pair counts by ``1 / (rank + 1)`` of its units, ranked by both lists.

    Args:
        first: ``(units,)``, at least two.
        second: The same shape.
        top: See `top_tau`.
    """
    return {
        "kendall": float(kendalltau(first, second).statistic),
        "weighted": float(weightedtau(first, second).statistic),
        f"top {top}": top_tau(first, second, top),
    }


def top_tau(first: Scores, second: Scores, top: int) -> float:
    """Returns Kendall's tau over pairs of a ``top`` unit of one list and one of the other.

    A pair costs 1 where the lists order it oppositely and 1/2 where one of them alone ties it; 1
    less twice the mean cost is returned, NaN without pairs.
    """
    ranks = [rankdata(-each, method="dense") for each in (first, second)]
    best = [set(np.argsort(-each, kind="stable")[:top].tolist()) for each in (first, second)]
    pairs = {frozenset((i, j)) for i in best[0] for j in best[1] if i != j}
    costs = []
    for i, j in map(tuple, pairs):
        a, b = (np.sign(rank[i] - rank[j]) for rank in ranks)
        costs.append(1.0 if a * b < 0 else 0.5 if (a == 0) != (b == 0) else 0.0)
    return 1 - 2 * float(np.mean(costs)) if costs else float("nan")


def mean_agreement(lists: list[dict[str, Scores]], top: int) -> dict[str, dict[str, float]]:
    """Returns the mean agreement of each two methods over inputs; a list that is tied is left out.

    Args:
        lists: Of each input, the scores of its units by method.
        top: See `top_tau`.
    """
    found = {}
    for one, other in combinations(lists[0], 2):
        each = [agreement(scores[one], scores[other], top) for scores in lists]
        columns = {name: np.array([row[name] for row in each]) for name in each[0]}
        found[f"{one}, {other}"] = {
            name: float(values[~np.isnan(values)].mean()) if not np.isnan(values).all() else np.nan
            for name, values in columns.items()
        }
    return found


def auc(truth: NDArray[np.bool_], scores: Scores) -> float:
    """Returns the area under the ROC curve of ``scores`` for ``truth (units,)``; .5 is chance."""
    return float(roc_auc_score(truth, scores))
