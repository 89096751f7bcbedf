"""Which images are each other's negatives: clusters of all stages before, and batches of one."""

from collections.abc import Callable
from itertools import chain, zip_longest

import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from common.losses.precision import unit

# Readme: of its k-means.
ITERATIONS, TOLERANCE = 100, 1e-5


def find_clusters(features: Tensor, count: int, starts: int, seed: int) -> Tensor:
    """Returns the cluster of each image, ``(num,)``, of k-means on features of unit length.

    Args:
        features: ``(num, dim)``, of any norm.
        count: Clusters.
        starts: The best of so many fits is taken.
        seed: Seed of the first centroids.
    """
    points = unit(features).cpu()
    # One thread: the sums of several are in no fixed order.
    with threadpool_limits(1):
        means = KMeans(count, n_init=starts, max_iter=ITERATIONS, tol=TOLERANCE, random_state=seed)
        means.fit(points.numpy())
    return assign(points, torch.from_numpy(means.cluster_centers_).to(points.dtype))


def assign(features: Tensor, centroids: Tensor) -> Tensor:
    """Returns the nearest centroid of each feature of unit length, ``(num,)``.

    Args:
        features: ``(num, dim)``, of any norm.
        centroids: ``(count, dim)``, used as they are: means of unit vectors are shorter than 1.
    """
    products = unit(features) @ centroids.T
    return (centroids.square().sum(1) - 2 * products).argmin(1)


def combine(groups: Tensor, clusters: Tensor, count: int) -> Tensor:
    """Returns the groups after a stage: two images share one if they shared it in all stages.

    Args:
        groups: ``(num,)``, after the stage before; zeros before the first.
        clusters: ``(num,)`` in ``0 .. count - 1``, of this stage.
        count: K, the clusters of a stage.
    """
    return groups * count + clusters


def kept_share(groups: Tensor, batch_size: int) -> float:
    """Returns the share of the images that an epoch's whole batches of one group hold."""
    counts = groups.unique(return_counts=True)[1]
    return int((counts // batch_size * batch_size).sum()) / len(groups)


def one_pass(groups: Tensor, batch_size: int, permute: Callable[[int], Tensor]) -> list[Tensor]:
    """Returns batches of one group each, which hold an image once at most.

    Groups take turns, and those without a whole batch left are passed over: a small group has no
    batch at all. A group's images are permuted and taken from the end.

    Args:
        groups: ``(num,)``.
        batch_size: Over all processes.
        permute: Returns an order of so many images.
    """
    turns = []
    for group in groups.unique():
        rows = (groups == group).nonzero()[:, 0]
        rows = rows[permute(len(rows))][: len(rows) // batch_size * batch_size]
        turns.append(rows.flip(0).split(batch_size) if len(rows) else ())
    rounds = chain.from_iterable(zip_longest(*turns))
    return [batch for batch in rounds if batch is not None]


def grouped_order(
    groups: Tensor, batch_size: int, num_batches: int, generator: torch.Generator
) -> Tensor:
    """Returns the rows of an epoch, of which each batch is of one group.

    A pass over the groups is shorter than a pass over the images. Further passes, in other
    orders, follow until there are ``num_batches``, so that the epochs of all stages are equal.

    Args:
        groups: ``(num,)``, of which one at least fills a batch.
        batch_size: Over all processes.
        num_batches: Number of batches of an epoch.
        generator: Generator of the permutations.
    """
    batches: list[Tensor] = []
    while len(batches) < num_batches:
        batches += one_pass(
            groups, batch_size, lambda count: torch.randperm(count, generator=generator)
        )
    return torch.cat(batches[:num_batches])
