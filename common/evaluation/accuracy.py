"""Accuracies in per cent: of one prediction, and epoch by epoch."""

from torch import Tensor

from common.evaluation.scores import keep


def percent_equal(predicted: Tensor, labels: Tensor) -> float:
    """Returns the share of ``predicted`` that equals ``labels``, in per cent."""
    return 100 * (predicted == labels).double().mean().item()


def percent_within(scores: Tensor, labels: Tensor, k: int) -> float:
    """Returns how often the label is among the ``k`` best of ``scores (num, classes)``, in %."""
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return 100 * (best == labels[:, None]).any(1).double().mean().item()


class Curve:
    """Top-1 and top-5 of each epoch in per cent.

    The best epoch is chosen on the tested images themselves, as the papers do: it flatters, so
    the last one stands beside it.
    """

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """Adds an epoch's ``scores (num, classes)``."""
        keep("epoch", scores)
        labels = labels.to(scores.device)
        self.points.append((percent_within(scores, labels, 1), percent_within(scores, labels, 5)))

    def metrics(self, name: str) -> dict[str, float]:
        """Returns the last top-1, the best one, and the top-5 of the (first) best epoch."""
        best = max(self.points, key=lambda point: point[0])
        return {
            f"{name}_top1": self.points[-1][0],
            f"{name}_best_top1": best[0],
            f"{name}_best_top5": best[1],
        }
