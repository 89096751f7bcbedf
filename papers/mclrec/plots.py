"""Maps of the items and of the users."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.data.sequences.module import SequenceData
from common.data.sequences.store import popularity
from common.distributed.draws import keyed_generator
from common.plots.embedding_map import embedding_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE, SAMPLE_SEED = 600, 0
NUM_BANDS = 4


def draw(module: nn.Module, data: SequenceData) -> "dict[str, Callable[[], Figure]]":
    """Returns the plots by name."""
    return {
        "items_map": lambda: draw_items(module, data),
        "users_map": lambda: draw_users(module, data),
    }


def draw_items(module: Any, data: SequenceData) -> "Figure":
    """Draws item vectors, coloured by how often the item occurs in the training part."""
    counts = popularity(data.sequences)[1:]
    title = "of {:,} items (PCA, t-SNE), by actions in the training part"
    return _draw(module.item_table()[1:], counts, title)


def draw_users(module: Any, data: SequenceData) -> "Figure":
    """Draws users as they are when the test item is predicted, coloured by their actions."""
    h = data.evaluation_inputs(module, "test").queries
    return _draw(h, data.sequences.lengths, "of {:,} users (PCA, t-SNE), by actions of the user")


def _draw(vectors: Tensor, counts: NDArray[Any], title: str) -> "Figure":
    order = torch.randperm(len(vectors), generator=keyed_generator(SAMPLE_SEED))
    rows = order[:SAMPLE]
    labels, names = bands(counts)
    title = "Embeddings " + title.format(len(rows))
    shown = vectors.detach()[rows.to(vectors.device)].cpu()
    return embedding_map(shown, labels[rows], names, title)


def bands(counts: NDArray[Any]) -> tuple[Tensor, list[str]]:
    """Cuts ``counts`` (num,) at their quantiles.

    Returns:
        The band of each (num,), from 0 for the least, and what the bands are called. There are
        fewer than `NUM_BANDS` where many counts are equal.
    """
    edges = np.unique(np.quantile(counts, np.arange(1, NUM_BANDS) / NUM_BANDS, method="lower"))
    labels = np.searchsorted(edges, counts, side="left")
    present, labels = np.unique(labels, return_inverse=True)
    names = []
    for band in range(len(present)):
        own = counts[labels == band]
        ends = sorted({int(own.min()), int(own.max())})
        names.append(" to ".join(f"{end:,}" for end in ends))
    return torch.from_numpy(labels), names
