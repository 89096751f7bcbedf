"""How known classes are named and novel ones found: accuracy, NMI and ARI (OW-DFA, ICCV 2023)."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from common.evaluation.clustering import Labels, matched_accuracy


def count_known(truth: Labels, labelled: NDArray[np.bool_]) -> int:
    """Returns how many classes are known: one more than the largest label of a labelled row."""
    return int(truth[labelled].max()) + 1


def open_world_metrics(truth: Labels, guess: Labels, num_known: int) -> dict[str, float]:
    """Returns accuracy, NMI (arithmetic) and ARI of all, known and novel rows, in 0..1.

    Known accuracy is plain: a head means its class. Novel accuracy matches anew on novel rows, to
    any head; all accuracy has one matching over everything, so it is no mean of the two. A subset
    without rows is NaN.

    Args:
        truth: ``(num,)`` classes; those below ``num_known`` are known.
        guess: ``(num,)`` heads.
        num_known: Number of known classes.
    """
    known = truth < num_known
    found: dict[str, float] = {}
    for name, rows in (("all", np.ones_like(known)), ("known", known), ("novel", ~known)):
        y, k = truth[rows], guess[rows]
        if len(y) == 0:
            found |= {f"{name}_{key}": float("nan") for key in ("acc", "nmi", "ari")}
            continue
        accuracy = float((y == k).mean()) if name == "known" else matched_accuracy(y, k)
        found[f"{name}_acc"] = accuracy
        found[f"{name}_nmi"] = float(normalized_mutual_info_score(y, k))
        found[f"{name}_ari"] = float(adjusted_rand_score(y, k))
    return found
