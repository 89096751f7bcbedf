"""Embeddings in the plane: on their main components, and as a map."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.plots.style import COLOURS, GREY, MARKERS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPONENTS = 50
PERPLEXITY = 30
# Half of scikit-learn's: the image hardly changes after that.
ITERATIONS = 500
# More colours than these nobody tells apart.
NAMED_CLASSES = 10


def main_components(h: Tensor) -> tuple[Tensor, float]:
    """Returns ``(num, 2)`` coordinates of ``h (num, dim)`` and their share of the variance.

    The share is 0 for a single point; what has one dimension lies on a line.
    """
    centred = h - h.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    energy = s.square()
    share = energy[:2].sum() / energy.sum().clamp(min=1e-30)
    points = u[:, :2] * s[:2]
    return torch.nn.functional.pad(points, (0, 2 - points.shape[1])), float(share)


def embedding_map(h: Tensor, labels: Tensor, names: Sequence[str], title: str) -> "Figure":
    """Returns a t-SNE map of embeddings, coloured by label.

    The most frequent classes are named, the rest is grey.

    Args:
        h: ``(num, dim)``.
        labels: ``(num,)``, -1 for none.
        names: What the labels stand for; beyond its end the number itself is shown.
        title: Over the map.

    Raises:
        ValueError: If an embedding is not finite.
    """
    points = in_plane(h.float().cpu().numpy())
    figure, axes = new_figure(6.4, 5.0, title)
    axes.set_xticks([])
    axes.set_yticks([])
    found, counts = np.unique(labels.numpy()[labels.numpy() >= 0], return_counts=True)
    largest = found[np.argsort(-counts, kind="stable")][:NAMED_CLASSES]
    rest = ~np.isin(labels.numpy(), largest)
    if rest.any():
        text = "other classes" if len(found) else "no label"
        axes.scatter(points[rest, 0], points[rest, 1], s=8, c=GREY, linewidths=0, label=text)
    for place, label in enumerate(sorted(largest)):
        x, y = points[labels.numpy() == label].T
        name = names[label] if label < len(names) else str(label)
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        # A colour's second class is hollow: markers alone are hard to tell apart at this size.
        face = colour if place < len(COLOURS) else "white"
        axes.scatter(
            x,
            y,
            s=18,
            marker=marker,
            facecolors=face,
            edgecolors=colour,
            linewidths=0.9,
            label=name,
        )
    figure.legend(loc="outside right center", fontsize=8, frameon=False, markerscale=1.6)
    return figure


def in_plane(h: NDArray[Any]) -> NDArray[Any]:
    """Returns ``(num, 2)``: principal components, then t-SNE, seeded by a constant.

    Embeddings that are all equal, as after a collapse, stay one point.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn's own means

    if not np.isfinite(h).all():
        raise ValueError("an embedding is not finite")
    size, h = np.abs(h).max(), h - h.mean(0, dtype=np.float64)
    if np.abs(h).max() <= 1e-6 * size:
        return np.zeros((len(h), 2))
    # Scaled, so that tiny embeddings do not vanish in t-SNE's own constants.
    h = h / h.std()
    perplexity = min(PERPLEXITY, (len(h) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, max_iter=ITERATIONS, init="pca", random_state=0)
    # Its threads wait for each other at every step: on busy cores that takes minutes, not seconds.
    with threadpool_limits(1):
        kept = PCA(min(COMPONENTS, *h.shape), random_state=0).fit_transform(h)
        return tsne.fit_transform(kept)
