"""How far two sides, as images and texts, lie apart on the sphere, and how evenly they fill it."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.pair_config import GapConfig
from common.evaluation.scores import keep
from common.evaluation.vectors import Vectors
from common.losses.precision import unit
from common.losses.spread import alignment, cross_uniformity, uniformity

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
GAP_STREAM = 2**42


def evaluate_gap(inputs: Vectors, settings: GapConfig, seed: int) -> dict[str, float]:
    """Returns the metrics of `gap`, as ``gap_<name>``, and ``gap_separability`` in per cent.

    Each sample is measured with its first partner, as an image with its first caption. A reference
    that learns nothing has words on both sides and no gap to speak of; it is not measured.

    Args:
        inputs: Samples with partners.
        settings: How many pairs, and the shares of them.
        seed: Seed of the pairs that the classifier is fitted to.
    """
    partners = inputs.partners
    if not inputs.learnt or partners is None:
        return {}
    rows, partner = np.unique(partners.owner, return_index=True)
    rows, partner = rows[: settings.most_pairs], partner[: settings.most_pairs]
    u = inputs.test.x[torch.from_numpy(rows)]
    v = partners.part.x[torch.from_numpy(partner)]
    measured = gap(u, v, settings.t, partners.names)
    found = {f"gap_{name}": value.item() for name, value in measured.items()}
    keep("gap", torch.tensor([*found.values()]))
    order = torch.randperm(len(u), generator=keyed_generator(seed, GAP_STREAM))
    fitted = order[: round(settings.fitted * len(order))]
    return found | {"gap_separability": 100 * separability(u, v, fitted)}


def gap(
    u: Tensor, v: Tensor, t: float = 2.0, names: tuple[str, str] = ("image", "text")
) -> dict[str, Tensor]:
    """Returns the metrics of arXiv 2405.18570 by name, scalars.

    Args:
        u: ``(pairs, dim)`` of images, of any norm.
        v: The same shape, of texts; row i is the partner of row i of ``u``.
        t: Exponent of the uniformity terms.
        names: Of both sides.
    """
    u, v = unit(u), unit(v)
    first, second = uniformity(u, t), uniformity(v, t)
    return {
        f"uniformity_{names[0]}": first,
        f"uniformity_{names[1]}": second,
        "uniformity": (first + second) / 2,
        "cross_uniformity": cross_uniformity(u, v, t),
        "alignment": alignment(u, v),
        # The centroids keep their norm.
        "centroid_distance": (u.mean(0) - v.mean(0)).norm(),
        "partner_cosine": (u * v).sum(1).mean(),
    }


def separability(u: Tensor, v: Tensor, fitted: Tensor) -> float:
    """Returns the share of held-out rows whose side a logistic regression tells; 0.5: no gap.

    Both rows of a pair are on the same side of the split: elsewhere it would look too small.

    Args:
        u: ``(pairs, dim)`` of images.
        v: The same shape, of texts.
        fitted: Rows of the pairs that it is fitted to, not all.
    """
    held_out = torch.ones(len(u), dtype=torch.bool).index_fill(0, fitted, False)
    x, y = (
        (torch.cat([u[rows], v[rows]]).numpy(), np.repeat([0, 1], int(count)))
        for rows, count in ((fitted, len(fitted)), (held_out, held_out.sum()))
    )
    model = LogisticRegression().fit(*x)
    keep("gap separability", lambda: model.decision_function(y[0]))
    return float(model.score(*y))
