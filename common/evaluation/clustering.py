"""k-means clusters of vectors against the classes (HeCo's and MEOW's protocol)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from threadpoolctl import threadpool_limits

from common.evaluation.node_config import ClusteringConfig
from common.evaluation.scores import keep_clusters
from common.evaluation.vectors import Vectors
from common.losses.precision import upcast

Labels = NDArray[np.int64]


def evaluate_clustering(inputs: Vectors, settings: ClusteringConfig, seed: int) -> dict[str, float]:
    """Returns mean NMI (arithmetic), ARI and matched accuracy over several fits, times 100.

    Args:
        inputs: All measured samples with a class are clustered; k is the number of classes.
        settings: Number of fits and of starts a fit.
        seed: Seeds the fits.
    """
    variants = {"": inputs.classed}
    if settings.dropout_active and inputs.active is not None:
        variants["active_"] = inputs.active
    metrics: dict[str, float] = {}
    for prefix, part in variants.items():
        x, y = part.labelled()
        points, labels = upcast(x).numpy(), y.numpy()
        scores = [
            _fit(points, labels, settings.starts, (seed, fit)) for fit in range(settings.fits)
        ]
        for name, value in zip(("nmi", "ari", "matched"), 100 * np.mean(scores, 0), strict=True):
            metrics[f"{prefix}{name}"] = float(value)
    return metrics


def _fit(
    points: NDArray[np.floating], labels: Labels, starts: int, key: tuple[int, int]
) -> tuple[float, float, float]:
    state = int(np.random.SeedSequence(key).generate_state(1)[0])
    # Steps of a millisecond: threads that wait for each other cost more than they save.
    with threadpool_limits(1):
        means = KMeans(len(np.unique(labels)), n_init=starts, random_state=state)
        found = means.fit_predict(points)
    keep_clusters("clustering", means)
    nmi = float(normalized_mutual_info_score(labels, found))
    return nmi, float(adjusted_rand_score(labels, found)), matched_accuracy(labels, found)


def matched_accuracy(truth: Labels, guess: Labels) -> float:
    """Returns the largest share that a one-to-one assignment of clusters to classes can hit.

    Args:
        truth: ``(num,)`` classes.
        guess: ``(num,)`` clusters or heads, any numbers.
    """
    counts = contingency_matrix(truth, guess)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(truth))
