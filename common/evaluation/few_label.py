"""How far a few labels go: nearest neighbour and logistic regression on small draws."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.accuracy import percent_equal
from common.evaluation.image_config import FewLabelConfig, check_classes
from common.evaluation.knn import predict_knn
from common.evaluation.scores import keep
from common.evaluation.vectors import FeatureSet, HasFeatures

# Streams of their own: far beyond any epoch, so that no draw of the training is repeated.
FEW_LABEL_STREAM = 2**41


def evaluate_few_label(
    inputs: HasFeatures, settings: FewLabelConfig, seed: int
) -> dict[str, float]:
    """Accuracies in per cent, the mean over draws of ``labels`` references of each class.

    ``nn_top1@5`` is the cosine nearest neighbour and ``linear_top1@5`` a logistic regression,
    each with 5 labels of each class, on features standardised without labels.

    Args:
        inputs: Features and labels.
        settings: `FewLabelConfig`.
        seed: Seed of the draws.

    Raises:
        ConfigError: If a class has fewer features than labels to draw.
    """
    features = inputs.features.standardised()
    metrics = {}
    for labels in settings.labels:
        found = []
        for draw in range(settings.draws):
            generator = keyed_generator(seed, FEW_LABEL_STREAM, labels, draw)
            rows = draw_rows(features.train_y, labels, generator)
            few = features._replace(train_x=features.train_x[rows], train_y=features.train_y[rows])
            nearest = predict_knn(few, k=1, temperature=1.0)
            hits = percent_equal(nearest, few.test_y)
            found.append([hits, _logistic(few, settings.logistic_c)])
        mean = np.mean(found, axis=0)
        metrics[f"nn_top1@{labels}"] = float(mean[0])
        metrics[f"linear_top1@{labels}"] = float(mean[1])
    return metrics


def draw_rows(labels: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Returns ``num`` random rows of each class; raises `ConfigError` where one has fewer."""
    check_classes(labels, num)
    order = torch.randperm(len(labels), generator=generator)
    return torch.cat([order[labels[order] == name][:num] for name in labels.unique()])


def _logistic(few: FeatureSet, inverse_penalty: float) -> float:
    few = _within_span(few)
    train_x, train_y = few.train_x.cpu().numpy(), few.train_y.cpu().numpy()
    model = fit_logistic(train_x, train_y, inverse_penalty, 200)
    test_x, test_y = few.test_x.cpu().numpy(), few.test_y.cpu().numpy()
    keep("few-label", lambda: model.decision_function(test_x))
    return 100 * float(model.score(test_x, test_y))


def fit_logistic(x: Any, y: Any, c: float, iterations: int) -> LogisticRegression:
    """Returns the fitted classifier of ``x (num, dim)`` and ``y (num,)``, arrays on the CPU."""
    with warnings.catch_warnings():
        # So many iterations settle the accuracy; the last digits of the loss do not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=c, max_iter=iterations).fit(x, y)


def _within_span(few: FeatureSet) -> FeatureSet:
    """Returns the features in an orthonormal basis of the span of the training rows.

    Penalised weights never leave that span, and neither the penalty nor a product changes with
    the basis: the same fit, at ``(rows, rows)`` instead of ``(rows, dim)`` where pixels are many.
    """
    if few.train_x.shape[1] <= len(few.train_x):
        return few
    basis = torch.linalg.qr(few.train_x.T).Q
    return few._replace(train_x=few.train_x @ basis, test_x=few.test_x @ basis)
