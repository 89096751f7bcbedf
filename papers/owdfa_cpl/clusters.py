"""Protocols on known and novel classes: what heads name and find, and what k-means finds."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from threadpoolctl import threadpool_limits

from common.evaluation.clustering import Labels, matched_accuracy
from common.evaluation.open_world_inputs import OpenWorldInputs
from common.evaluation.scores import keep, keep_clusters
from common.losses.precision import upcast
from papers.owdfa_cpl.config import FeatureClustersConfig, HeadClustersConfig


def evaluate_heads(
    inputs: OpenWorldInputs, settings: HeadClustersConfig, seed: int
) -> dict[str, float]:
    """Returns accuracy, NMI and ARI of all, known and novel rows, times 100 (OW-DFA, section 6).

    Also ``uncertainty``, 100 less the mean confidence, and ``heads_used``, how many heads are
    anybody's argmax. Without heads there is nothing.
    """
    if inputs.module is None:
        return {}
    keep("head-clusters", inputs.logits)
    confidence, guess = inputs.logits.softmax(dim=1).max(dim=1)
    found = open_world_metrics(inputs.truth, guess.numpy(), inputs.num_known)
    metrics = {name: 100 * value for name, value in found.items()}
    metrics["uncertainty"] = 100 * (1 - float(confidence.double().mean()))
    return metrics | {"heads_used": float(len(np.unique(guess.numpy())))}


def evaluate_feature_clusters(
    inputs: OpenWorldInputs, settings: FeatureClustersConfig, seed: int
) -> dict[str, float]:
    """Returns accuracy by Hungarian matching, NMI and ARI of k-means on features, times 100.

    Args:
        inputs: All tested images are clustered; k is the number of their classes.
        settings: Starts; the one with the least inertia counts.
        seed: Seed of the starts.
    """
    truth = inputs.truth
    # Threads that wait for each other would cost more than they save.
    with threadpool_limits(1):
        means = KMeans(len(np.unique(truth)), n_init=settings.starts, random_state=seed)
        guess = means.fit_predict(upcast(inputs.features).numpy()).astype(np.int64)
    keep_clusters("feature-clusters", means)
    found = open_world_metrics(truth, guess, num_known=0)
    return {f"kmeans_{name}": 100 * found[f"all_{name}"] for name in ("acc", "nmi", "ari")}


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
