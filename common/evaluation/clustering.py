"""k-means clusters of node embeddings against the classes (HeCo's and MEOW's protocol)."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from threadpoolctl import threadpool_limits

from common.evaluation.node_config import ClusteringConfig
from common.evaluation.node_inputs import NodeEmbeddings
from common.evaluation.scores import keep_clusters
from common.losses.precision import upcast


def evaluate_clustering(
    inputs: NodeEmbeddings, settings: ClusteringConfig, seed: int
) -> dict[str, float]:
    """Returns mean NMI (arithmetic) and ARI over several k-means fits, times 100.

    Args:
        inputs: All labelled nodes are clustered, k is the number of classes.
        settings: Number of fits and of starts a fit.
        seed: Seeds the fits.
    """
    known = (inputs.labels >= 0).numpy()
    labels = inputs.labels.numpy()[known]
    metrics: dict[str, float] = {}
    for prefix, z in inputs.variants(settings.dropout_active).items():
        points = upcast(z).numpy()[known]
        scores = [
            _fit(points, labels, settings.starts, (seed, fit)) for fit in range(settings.fits)
        ]
        nmi, ari = 100 * np.mean(scores, 0)
        metrics |= {f"{prefix}nmi": float(nmi), f"{prefix}ari": float(ari)}
    return metrics


def _fit(
    points: NDArray[np.floating], labels: NDArray[np.int64], starts: int, key: tuple[int, int]
) -> tuple[float, float]:
    state = int(np.random.SeedSequence(key).generate_state(1)[0])
    # Steps of a millisecond: threads that wait for each other cost more than they save.
    with threadpool_limits(1):
        means = KMeans(len(np.unique(labels)), n_init=starts, random_state=state)
        found = means.fit_predict(points)
    keep_clusters("clustering", means)
    nmi = float(normalized_mutual_info_score(labels, found))
    return nmi, float(adjusted_rand_score(labels, found))
