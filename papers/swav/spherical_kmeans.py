"""Spherical k-means on a memory of embeddings, shared over processes (DeepCluster-v2)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import all_reduce_sum, rank, world_size

# Similarities held at once; a point has one for each centroid.
BLOCK_ELEMENTS = 2**22


@torch.no_grad()
def spherical_kmeans(
    z: Tensor, first: Tensor, iterations: int, move_empty: bool = True
) -> tuple[Tensor, Tensor]:
    """Returns unit centroids ``(clusters, dim)`` and the cluster of each point ``(points,)``.

    A point belongs to the centroid of largest cosine; a centroid is the mean of its points,
    divided by its norm. Under several processes, which all hold all points, each works on its
    share and sums are over all, so that every process gets the same centroids.

    Args:
        z: ``(points, dim)``, of unit norm.
        first: ``(clusters,)``, the points to start from.
        iterations: Updates of the centroids; the clusters are those of the last centroids.
        move_empty: Move an empty cluster to the point farthest from its own centroid (several:
            one each); else its centroid stays.
    """
    centroids = z[first].clone()
    for _ in range(iterations):
        assigned, similarity = nearest(z, centroids)
        centroids = _update(z, assigned, centroids)
        if move_empty:
            empty = torch.bincount(assigned, minlength=len(centroids)) == 0
            farthest = similarity.argsort(stable=True)[: int(empty.sum())]
            centroids[empty] = z[farthest]
    return centroids, nearest(z, centroids)[0]


def nearest(z: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Returns each point's cluster and its cosine to it, both ``(points,)``, of all processes.

    Never more than a block of points meets the centroids at once.
    """
    assigned = torch.zeros(len(z), dtype=torch.int64, device=z.device)
    similarity = torch.zeros(len(z), dtype=z.dtype, device=z.device)
    own = _share(len(z))
    rows = max(BLOCK_ELEMENTS // len(centroids), 1)
    for start in range(own.start, own.stop, rows):
        block = slice(start, min(start + rows, own.stop))
        with torch.autocast(z.device.type, enabled=False):
            similarity[block], assigned[block] = (z[block] @ centroids.T).max(dim=1)
    return all_reduce_sum(assigned), all_reduce_sum(similarity)  # others' shares are 0 here


def _share(num_points: int) -> slice:
    size = world_size()
    return slice(num_points * rank() // size, num_points * (rank() + 1) // size)


def _update(z: Tensor, assigned: Tensor, centroids: Tensor) -> Tensor:
    own = _share(len(z))
    sums = torch.zeros_like(centroids).index_add_(0, assigned[own], z[own])
    sums = all_reduce_sum(sums)
    # An empty cluster, and one whose points cancel out, keep their centroids.
    kept = torch.where(sums.any(dim=1, keepdim=True), sums, centroids)
    return F.normalize(kept, dim=1)
