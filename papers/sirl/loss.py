"""The losses of similarity queries and of preferences.

Equation numbers are the paper's, as the author of a re-implementation cites them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.precision import upcast

# Of rewards, in the code of the paper's group.
CLIP = 50.0


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Returns squared Euclidean distances over the last dimension."""
    return (a - b).square().sum(-1)


def triplet_terms(
    first: Tensor,
    second: Tensor,
    odd: Tensor,
    margin: float,
    distance: str = "euclidean",
    symmetric: bool = True,
) -> Tensor:
    """Returns ``max(0, D(anchor, other) - D(anchor, odd) + margin)``, ``(terms, batch)``.

    Equation 2: both alike trajectories take the anchor's turn, and the loss of a query is the sum
    of both terms. In float32 or wider. A query is compared with no other one: averaged gradients
    of several processes are those of the global batch.

    Args:
        first: ``(batch, dim)``, of any norm.
        second: ``(batch, dim)``, which the person named alike with ``first``.
        odd: ``(batch, dim)``, the third.
        margin: What the odd one must be farther by.
        distance: "euclidean", to which torch adds 1e-6 in each dimension, or "squared".
        symmetric: False leaves out the term whose anchor is ``second``.
    """
    measure = F.pairwise_distance if distance == "euclidean" else squared_distance
    turns = [(first, second), (second, first)] if symmetric else [(first, second)]
    with torch.autocast(first.device.type, enabled=False):
        return torch.stack(
            [
                F.triplet_margin_with_distance_loss(
                    upcast(anchor),
                    upcast(other),
                    upcast(odd),
                    distance_function=measure,
                    margin=margin,
                    reduction="none",
                )
                for anchor, other in turns
            ]
        )


def preference_losses(
    first: Tensor,
    second: Tensor,
    labels: Tensor,
    loss: str,
    reward_weight: float = 0.0,
    clip: float = CLIP,
) -> Tensor:
    """Returns the loss of each pair's predicted rewards, of their shape.

    ``cross_entropy`` is equation 4: that of the Bradley-Terry model (equation 3). ``probability``
    is the code of the group: minus the model's probability of the answer, of rewards within
    +-``clip``, and a penalty on their squares.

    Args:
        first: Predicted rewards, of any shape.
        second: Those of the other trajectories.
        labels: 0 where the first is preferred, 1 the second, 0.5 none.
        loss: One of the two names.
        reward_weight: For ``probability``: the weight of the penalty.
        clip: For ``probability``: the largest reward.
    """
    labels = labels.to(first)
    if loss == "cross_entropy":
        return F.binary_cross_entropy_with_logits(second - first, labels, reduction="none")
    first, second = first.clamp(-clip, clip), second.clamp(-clip, clip)
    answered = torch.lerp(torch.sigmoid(first - second), torch.sigmoid(second - first), labels)
    return reward_weight * (first.square() + second.square()) - answered


def preference_accuracy(
    first: Tensor, second: Tensor, labels: Tensor, clip: float = CLIP
) -> tuple[float, int]:
    """Returns the share of pairs whose order is predicted, and how many pairs count.

    Pairs of equal true reward do not count; 0.5 if none is left. Of equal predictions, within
    +-``clip``, the first wins.

    Args:
        first: Predicted rewards ``(pairs,)``.
        second: Those of the other trajectories.
        labels: As `papers.sirl.person.exact_labels` gives them.
        clip: The largest reward.
    """
    counted = labels != 0.5
    predicted = (first.clamp(-clip, clip) < second.clamp(-clip, clip)).to(labels)
    number = int(counted.sum())
    if not number:
        return 0.5, 0
    return (predicted == labels)[counted].double().mean().item(), number
