"""Does distance between embeddings follow distance between labels? No probe is fitted."""

import torch
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.regression_inputs import RegressionInputs
from common.evaluation.regression_metrics import correlation, ranks
from common.evaluation.scores import keep
from papers.supremix.config import LabelOrderConfig

LABEL_ORDER_STREAM = 2**45


def evaluate_label_order(
    inputs: RegressionInputs, settings: LabelOrderConfig, seed: int
) -> dict[str, float]:
    """Returns Spearman's correlation of label distance and embedding distance over test pairs.

    ``order`` on the features, ``order_head`` on what ``module.project`` returns, where there is
    one: that is where a contrastive loss acts. What has no features has no order.

    Args:
        inputs: Samples and module.
        settings: `LabelOrderConfig`.
        seed: Seed of the draw of samples where there are too many.
    """
    if inputs.trees:
        return {}
    labels = inputs.parts["test"].targets.double()
    order = torch.randperm(len(labels), generator=keyed_generator(seed, LABEL_ORDER_STREAM))
    rows = order[: settings.max_samples]
    metrics = {"order": rank_correlation(inputs.features("test")[rows], labels[rows])}
    if hasattr(inputs.module, "project"):
        z = inputs.map("project", "test")[rows]
        metrics["order_head"] = rank_correlation(z, labels[rows])
    return metrics


def rank_correlation(x: Tensor, labels: Tensor) -> float:
    """Returns Spearman's correlation of ``|y_i - y_j|`` and ``|x_i - x_j|`` over all pairs i < j.

    Args:
        x: ``(num, dim)``.
        labels: ``(num,)``.
    """
    pairs = torch.triu_indices(len(x), len(x), 1)
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    keep("label-order", distances)
    far = distances[pairs[0], pairs[1]]
    apart = (labels[pairs[0]] - labels[pairs[1]]).abs()
    return correlation(ranks(far), ranks(apart))
