"""Are two views of one image more alike than views of two? The area under a ROC curve."""

from typing import Any

import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor

from common.backbones.modes import evaluating
from common.errors import DataError
from common.evaluation.features import ImageInputs
from common.evaluation.frozen import require_finite
from common.evaluation.scores import keep
from papers.amcl.config import PairAucConfig

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
PAIR_STREAM = 2**46


def evaluate_pair_auc(inputs: ImageInputs, settings: PairAucConfig, seed: int) -> dict[str, float]:
    """Area under the ROC curve of positives' cosines against negatives', in per cent; 50 is chance.

    Tested images are seen in two views drawn as the recipe draws them. A positive is the two
    views of an image, a negative the first view of one and the second of another. ``pair_auc`` is
    of the features, ``pair_auc_head`` of what the module projects, if it does; of several heads the
    mean cosine (the quantity of AMCL's Fig. 1, arXiv 2310.05615). No labels.

    Args:
        inputs: The module and the images. ``module.project`` returns (batch, dim), or (batch,
            heads, dim).
        settings: `PairAucConfig`.
        seed: Seed of the images and their views.

    Raises:
        DataError: A single image, which has no negatives.
        LikewiseError: A cosine is NaN.
    """
    if inputs.module is None:
        return {}
    _, test = inputs.dense_pair
    module: Any = inputs.module
    encoders = {"pair_auc": module.embed}
    if hasattr(module, "project"):
        encoders["pair_auc_head"] = module.project
    found: dict[str, list[list[Tensor]]] = {name: [] for name in encoders}
    with torch.no_grad(), evaluating(module):
        for batch in test.pairs((seed, PAIR_STREAM), inputs.device, settings.max_images):
            for name, encode in encoders.items():
                found[name].append([unit_heads(encode(view)) for view in batch.views])
    views = {name: map(torch.cat, zip(*parts, strict=True)) for name, parts in found.items()}
    return {name: pair_area(*pair) for name, pair in views.items()}


def unit_heads(z: Any) -> Tensor:
    """Returns rows whose products are the heads' mean cosines, ``(batch, heads * dim)``."""
    z = z.cpu().double()
    heads = z.shape[1] if z.ndim == 3 else 1
    return F.normalize(z, dim=-1).flatten(1) / heads**0.5


def pair_area(first: Tensor, second: Tensor) -> float:
    """Returns the area for the two views of each image, ``(num, dim)``.

    Raises:
        DataError: If ``num`` is 1.
        LikewiseError: A cosine is NaN.
    """
    if len(first) < 2:
        raise DataError("evaluation.pair_auc: one tested image has no other to differ from")
    cosines = require_finite(first @ second.T, "cosines of views")
    keep("pair-auc", cosines)
    is_positive = torch.eye(len(first), dtype=torch.bool)
    return 100 * float(roc_auc_score(is_positive.flatten(), cosines.flatten()))
