"""The simulated person: who knows the true features of trajectories, and answers by them."""

from itertools import product

import torch
from torch import Tensor

# What two sums differ by in their last bits is no difference to a person; answers would hang on it.
DECIMALS = 12
# By the place of the odd one in a query: the places of the alike pair, and its own.
ALIKE_FIRST = ((1, 2, 0), (0, 2, 1), (0, 1, 2))


def scale_features(features: Tensor, scaling: str) -> Tensor:
    """Returns the features as a person weighs them, ``(rows, features)``; a constant one is 0.

    Args:
        features: ``(rows, features)``.
        scaling: "normalize", to 0..1, or "standardize", to mean 0 and deviation 1.
    """
    if scaling == "normalize":
        low, width = features.amin(0), features.amax(0) - features.amin(0)
    else:
        low, width = features.mean(0), features.std(0, correction=0)
    return (features - low) / torch.where(width > 0, width, 1)


def answer_queries(features: Tensor, queries: Tensor, answers: str) -> Tensor:
    """Returns the answers, ``(queries, 3)`` rows: the alike pair, then the odd one.

    Args:
        features: ``(rows, features)``, scaled, in float64.
        queries: ``(queries, 3)`` rows.
        answers: "three_way": the nearest pair, where equals go to a pair with the first row.
            "anchored": the first row with the nearer of the others.
    """
    first, second, third = features[queries].unbind(1)
    nearer = _distances(first, second) < _distances(first, third)
    odd = torch.where(nearer, 2, 1)
    if answers == "three_way":
        others = _distances(second, third)
        nearest = torch.minimum(_distances(first, second), _distances(first, third))
        odd = torch.where(others < nearest, 0, odd)
    return put_odd_last(queries, odd)


def put_odd_last(queries: Tensor, odd: Tensor) -> Tensor:
    """Returns ``queries (num, 3)``, each with the row at place ``odd (num,)`` as its last."""
    return queries.gather(1, torch.tensor(ALIKE_FIRST)[odd])


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(1).round(decimals=DECIMALS)


def people(num_features: int) -> Tensor:
    """Returns the weights of all persons who like, dislike or ignore each feature.

    The one who ignores all is left out: ``(3 ** num_features - 1, num_features)``.
    """
    weights = [each for each in product((-1.0, 0.0, 1.0), repeat=num_features) if any(each)]
    return torch.tensor(weights, dtype=torch.float64)


def rewards(features: Tensor, weights: Tensor) -> Tensor:
    """Returns ``- weights . features`` over the last dimension: weights are of costs."""
    return -(features * weights).sum(-1)


def sample_labels(first: Tensor, second: Tensor, beta: float, draws: Tensor) -> Tensor:
    """Returns which is preferred: 0, the first, with probability sigmoid(beta (first - second)).

    Args:
        first: Rewards of the first trajectories, of any shape.
        second: Rewards of the second ones.
        beta: How sure the person is.
        draws: Uniform numbers.
    """
    return (draws >= torch.sigmoid(beta * (first - second))).long()


def exact_labels(first: Tensor, second: Tensor) -> Tensor:
    """Returns 0 where the first reward is higher, 1 where the second is, and 0.5 if equal."""
    gap = (first - second).round(decimals=DECIMALS)
    return 0.5 * (1 - gap.sign())
