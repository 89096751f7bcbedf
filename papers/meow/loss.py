"""MEOW's losses: weighted InfoNCE and prototypes (AdaMEOW's is in soft.py).

All, and the clustering, compute in float32 or wider, also under autocast. None communicates. The
full batch couples every node with every other, so one process trains it; in sampled training the
module gathers the views of all processes first, and each process then computes the k-means and the
contrast of the whole batch, the same everywhere.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import upcast
from papers.meow.kmeans import assign, kmeans

ROWS_AT_A_TIME = 256
SIZE_OFFSET = 5  # ln(n + 5) in the concentration
CLIP_QUANTILES = (0.1, 0.9)


class Clustering(NamedTuple):
    """``assigned``: (nodes,), ``prototypes``: unit rows (K, dim), ``concentration``: (K,)."""

    assigned: Tensor
    prototypes: Tensor
    concentration: Tensor


@torch.no_grad()
def cluster(
    u: Tensor, num_clusters: list[int], temperature: float, **settings: int
) -> list[Clustering]:
    """Clusters unit rows ``u``: (nodes, dim) once for each number; the seed is the index.

    Under several processes ``u`` is gathered, and each process finds the same clusters.
    """
    found = []
    u = upcast(u)
    with torch.autocast(u.device.type, enabled=False):
        for seed, number in enumerate(num_clusters):
            centroids = kmeans(u, number, seed, **settings)
            assigned, products = assign(u, centroids.unsqueeze(0))
            concentration = concentrations(assigned[0], products[0], number, temperature)
            found.append(Clustering(assigned[0], F.normalize(centroids, dim=1), concentration))
    return found


def concentrations(
    assigned: Tensor, products: Tensor, num_clusters: int, temperature: float
) -> Tensor:
    """Returns phi: (K,), the mean of ``sqrt(inner product) / ln(n_k + 5)`` over each cluster.

    Clusters of at most one member take the largest value; all are clipped to the 10th to 90th
    percentile and scaled to mean ``temperature``. PCL's formula has a distance where the official
    code has an inner product (code_meow/module/cluster.py), so here phi grows with tightness.

    Args:
        assigned: (nodes,) cluster ids.
        products: (nodes,) inner products with the raw centroid; a negative one gives NaN.
        num_clusters: K.
        temperature: Mean of the result.
    """
    sizes = torch.bincount(assigned, minlength=num_clusters)
    sums = products.new_zeros(num_clusters).index_add_(0, assigned, products.sqrt())
    means = sums / sizes.clamp(min=1) / torch.log(sizes.to(products) + SIZE_OFFSET)
    phi = torch.where(sizes > 1, means, torch.where(sizes > 1, means, 0).max())
    low, high = torch.quantile(phi, torch.tensor(CLIP_QUANTILES).to(phi)).unbind()
    phi = torch.minimum(torch.maximum(phi, low), high)
    return temperature * phi / phi.mean()


def hard_weights(assignments: Tensor, rows: slice = slice(None)) -> Tensor:
    """Returns w: (rows, nodes), in how many clusterings i and j lie in different clusters.

    Args:
        assignments: (clusterings, nodes) cluster ids.
        rows: Which i.
    """
    different = [a[rows].unsqueeze(1) != a for a in assignments.unbind()]
    return sum(d.to(torch.uint8) for d in different)  # type: ignore[return-value]


def uniform_weights(num_nodes: int, rows: slice, device: torch.device) -> Tensor:
    """Returns w: (rows, nodes), 1 for every other node: plain InfoNCE."""
    ids = torch.arange(num_nodes, device=device)
    return (ids[rows].unsqueeze(1) != ids).to(torch.uint8)


def weighted_infonce(
    anchor: Tensor, other: Tensor, temperature: float, assignments: Tensor | None
) -> Tensor:
    """``mean_i [ log sum_j w_ij exp(s_ij / temperature) - s_ii / temperature ]``.

    InfoNce of code_meow/module/contrast.py. The positive has weight 0, so it is missing from the
    sum and the loss can be negative. A node without any weighted negative gives minus infinity,
    as there. Under several processes both views are gathered and each computes all rows.

    Args:
        anchor: (nodes, dim) unit rows.
        other: (nodes, dim) unit rows; row i is the positive of anchor i.
        temperature: Temperature of the softmax.
        assignments: (clusterings, nodes) of the hard weights; None: all weights are 1.
    """
    num_nodes = len(anchor)

    def row_loss(rows: slice, anchor: Tensor, other: Tensor) -> Tensor:
        logits = anchor[rows] @ other.T / temperature
        if assignments is None:
            weight = uniform_weights(num_nodes, rows, logits.device)
        else:
            weight = hard_weights(assignments, rows)
        top = logits.detach().masked_fill(weight == 0, -torch.inf).amax(1, keepdim=True)
        # A weight of 0 beside a logit far above `top` must not become 0 * inf.
        shifted = torch.exp((logits - top).clamp(max=80.0)) * weight
        positive = (anchor[rows] * other[rows]).sum(1) / temperature
        return (shifted.sum(1).log() + top.squeeze(1) - positive).sum()

    with torch.autocast(anchor.device.type, enabled=False):
        views = upcast(anchor), upcast(other)
        return sum_over_row_chunks(row_loss, num_nodes, ROWS_AT_A_TIME, *views) / num_nodes


def prototype_loss(anchor: Tensor, clusterings: list[Clustering]) -> Tensor:
    """Cross-entropy of ``anchor``: (nodes, dim) with its prototype, plus ``ln(nodes / K)``.

    ``mean_m mean_i -log( exp(u_i.c_a(i) / phi_a(i)) / ((N / K) sum_k exp(u_i.c_k / phi_k)) )``
    (code_meow/module/contrast.py); prototypes and concentrations are constants. Under several
    processes ``anchor`` is gathered and each computes all rows.
    """
    losses = []
    anchor = upcast(anchor)
    with torch.autocast(anchor.device.type, enabled=False):
        for assigned, prototypes, concentration in clusterings:
            logits = anchor @ prototypes.T / concentration
            ratio = anchor.new_tensor(len(anchor) / len(prototypes))
            losses.append(F.cross_entropy(logits, assigned) + ratio.log())
    return torch.stack(losses).mean()
