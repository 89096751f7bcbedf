"""Protocols that train no network: what can be read from the embedding, and what is near in it."""

import torch
from torch import Tensor

from common.evaluation.regression_inputs import ProbeSet
from common.evaluation.regression_probe import fit_ridge
from common.evaluation.scores import keep
from papers.sirl.config import FeatureErrorConfig, QueryAccuracyConfig
from papers.sirl.inputs import TrajectoryInputs


def evaluate_feature_error(
    inputs: TrajectoryInputs, settings: FeatureErrorConfig, seed: int
) -> dict[str, float]:
    """Returns ``fpe``: the sum over the true features of the regressor's mean squared errors.

    Args:
        inputs: Rows and module.
        settings: `FeatureErrorConfig`.
        seed: Unused: nothing is drawn.
    """
    assert inputs.features is not None  # `check_inputs`
    x, y = inputs.embedding, inputs.features
    train, test = inputs.parts["train"], inputs.parts["test"]
    read = ridge_readout(x[train], y[train], x[test], settings.alpha)
    keep("feature-error", read)
    return {"fpe": (read - y[test]).square().mean(0).sum().item()}


def ridge_readout(train_x: Tensor, train_y: Tensor, x: Tensor, alpha: float) -> Tensor:
    """Returns predictions of ridge regression on standardised embeddings, ``(rows, features)``.

    Args:
        train_x: ``(num, dim)``.
        train_y: ``(num, features)``.
        x: ``(rows, dim)``.
        alpha: The penalty, times ``num``.
    """
    penalty = alpha * len(train_x)
    columns = [fit_ridge(ProbeSet(train_x, y), x, penalty) for y in train_y.unbind(1)]
    return torch.stack(columns, 1)


def evaluate_query_accuracy(
    inputs: TrajectoryInputs, settings: QueryAccuracyConfig, seed: int
) -> dict[str, float]:
    """Returns ``query_accuracy``: of how many test queries the alike pair is the nearest, in %.

    Chance is a third. A pair that is as near as another one does not count.

    Args:
        inputs: Queries and module.
        settings: `QueryAccuracyConfig`.
        seed: Unused: nothing is drawn.
    """
    first, second, odd = inputs.embedding[inputs.queries].unbind(1)
    alike, *others = (
        (a - b).square().sum(1) for a, b in ((first, second), (first, odd), (second, odd))
    )
    gap = torch.minimum(*others) - alike
    keep("query-accuracy", gap)
    return {"query_accuracy": 100 * (gap > 0).double().mean().item()}
