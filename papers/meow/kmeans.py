"""k-means by inner product inside the step, with the arithmetic of faiss's ``Clustering``.

The official code clusters with faiss on an inner-product index (code_meow/module/cluster.py).
The same random numbers are drawn here, so the centroids agree with that library to rounding.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# Constants of faiss's Clustering.cpp: seed step between restarts, seed and size of a split.
RESTART_STEP = 15486557
SPLIT_SEED = 1234
SPLIT_EPSILON = 1 / 1024
POINTS_AT_A_TIME = 256
DRAWS_AT_A_TIME = 4096


@torch.no_grad()
def kmeans(
    x: Tensor, num_clusters: int, seed: int, num_iterations: int = 20, num_restarts: int = 5
) -> Tensor:
    """Returns raw centroids (num_clusters, dim) of the restart with the largest inner products.

    A point belongs to the centroid of largest inner product; a centroid is the mean of its
    points and is not normalised, so centroids of tight clusters are longer and attract more. All
    restarts advance in one matrix product; one whose centroids stand still has ended, which
    changes nothing.

    Args:
        x: (points, dim).
        num_clusters: At most the number of points.
        seed: Fixes the starting points.
        num_iterations: Assignments and updates.
        num_restarts: Starts from other points.
    """
    starts = [seed + 1 + restart * RESTART_STEP for restart in range(num_restarts)]
    first = np.stack([_starting_points(len(x), start)[:num_clusters] for start in starts])
    centroids = x[torch.from_numpy(first).to(x.device)]
    objective = x.new_zeros(num_restarts)
    moving = torch.arange(num_restarts, device=x.device)
    for _ in range(num_iterations):
        old = centroids[moving]
        assigned, best = assign(x, old)
        objective[moving] = best.sum(1)
        centroids[moving] = torch.stack([_update(x, a, num_clusters) for a in assigned.unbind()])
        moving = moving[(centroids[moving] != old).flatten(1).any(1)]
        if not len(moving):
            break
    return centroids[objective.argmax()]


def assign(x: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Returns cluster ids and largest inner products, both (restarts, points).

    Args:
        x: (points, dim).
        centroids: (restarts, clusters, dim).
    """
    restarts, clusters, dim = centroids.shape
    flat = centroids.reshape(restarts * clusters, dim).T
    blocks = x.split(POINTS_AT_A_TIME)  # whose scores stay in the processor's cache
    parts = [_best_of((rows @ flat).view(-1, restarts, clusters)) for rows in blocks]
    ids, values = zip(*parts, strict=True)
    return torch.cat(ids).T.contiguous(), torch.cat(values).T


def _best_of(scores: Tensor) -> tuple[Tensor, Tensor]:
    if scores.device.type == "cpu":
        # numpy's argmax is several times faster than torch's on a CPU.
        ids = torch.from_numpy(scores.numpy().argmax(-1))
    else:
        ids = scores.argmax(-1)
    return ids, scores.gather(-1, ids.unsqueeze(-1)).squeeze(-1)


def _update(x: Tensor, assigned: Tensor, num_clusters: int) -> Tensor:
    sizes = torch.bincount(assigned, minlength=num_clusters)
    sums = x.new_zeros(num_clusters, x.shape[1]).index_add_(0, assigned, x)
    centroids = sums / sizes.clamp(min=1).unsqueeze(1)
    if bool((sizes == 0).any()):
        _split_into_empty(centroids, sizes.cpu().numpy().astype(np.float64), len(x))
    return centroids


def _split_into_empty(centroids: Tensor, sizes: np.ndarray, num_points: int) -> None:
    """Gives each empty cluster half of another one, drawn in proportion to its size, in place."""
    signs = torch.where(torch.arange(centroids.shape[1]) % 2 == 0, SPLIT_EPSILON, -SPLIT_EPSILON)
    shift = signs.to(centroids.dtype).numpy()
    # On a CPU the memory of `centroids` itself; small rows are numpy's work rather than torch's.
    rows = centroids.cpu().numpy()
    for empty, donor in _draw_donors(sizes, num_points):
        rows[empty] = rows[donor] * (1 + shift)
        rows[donor] = rows[donor] * (1 - shift)
    centroids.copy_(torch.from_numpy(rows))


def _draw_donors(sizes: np.ndarray, num_points: int) -> Iterator[tuple[int, int]]:
    """Yields empty clusters and whom they halve; ``sizes`` are then those after the halving.

    For each empty cluster the library goes round the clusters from the first on and draws a number
    for each, until one is below its chance: hundreds of draws, so a round is compared at a time.
    """
    draws, waiting = np.random.RandomState(SPLIT_SEED), np.empty(0)
    for empty in np.flatnonzero(sizes == 0):
        chance = (sizes - 1) / (num_points - len(sizes))
        below = np.empty(0, dtype=np.int64)
        while not len(below):
            if len(waiting) < len(sizes):
                more = draws.randint(0, 2**32, size=DRAWS_AT_A_TIME + len(sizes), dtype=np.uint32)
                waiting = np.concatenate([waiting, more / (2**32 - 1)])
            below = np.flatnonzero(waiting[: len(sizes)] < chance)
            used = int(below[0]) + 1 if len(below) else len(sizes)
            waiting = waiting[used:]
        donor = int(below[0])
        sizes[empty] = sizes[donor] // 2
        sizes[donor] -= sizes[empty]
        yield int(empty), donor


@lru_cache(maxsize=64)
def _starting_points(num_points: int, seed: int) -> np.ndarray:
    # faiss's rand_perm: a Fisher-Yates shuffle on the raw 32-bit draws of a Mersenne twister.
    twister = np.random.RandomState(seed % 2**32)
    draws = twister.randint(0, 2**32, size=num_points, dtype=np.uint32).tolist()
    order = list(range(num_points))
    for here in range(num_points - 1):
        there = here + draws[here] % (num_points - here)
        order[here], order[there] = order[there], order[here]
    return np.array(order)
