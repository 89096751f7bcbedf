"""Which hard pseudo-labels count: the rules that the published code ships beside CPL's own.

CPL itself has no threshold. Each rule is a module: what it remembers is in every checkpoint. Under
several processes all are given the rows of all, so that their states stay equal.
"""

import torch
from torch import Tensor, nn

from common.losses.precision import upcast


class Everything(nn.Module):
    """Every pseudo-label counts (the code's Max)."""

    def forward(self, logits: Tensor, places: Tensor) -> Tensor:
        """Returns the mask, ``(rows,)``.

        Args:
            logits: Logits of unlabelled rows, ``(rows, classes)``.
            places: Their numbers among all unlabelled samples.
        """
        return torch.ones(len(logits), dtype=torch.bool, device=logits.device)


class FixedThreshold(nn.Module):
    """Those of probability ``cutoff`` and up (FixMatch)."""

    def __init__(self, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff

    @torch.no_grad()
    def forward(self, logits: Tensor, places: Tensor) -> Tensor:
        """Returns the mask; arguments as `Everything`."""
        return upcast(logits).softmax(dim=1).amax(dim=1) >= self.cutoff


class ClassThresholds(nn.Module):
    """A lower threshold for classes that few samples have been given (FlexMatch).

    Args:
        cutoff: Probability from which a sample counts for its class, and the highest threshold.
        num_classes: Heads.
        num_samples: All unlabelled samples; each has a slot that remembers its class.
        warm_up: Samples not yet given to a class count as one class more in the maximum.
    """

    slots: Tensor
    ratio: Tensor

    def __init__(
        self, cutoff: float, num_classes: int, num_samples: int, warm_up: bool = True
    ) -> None:
        super().__init__()
        self.cutoff, self.warm_up = cutoff, warm_up
        # The last number stands for "none yet".
        self.register_buffer("slots", torch.full((num_samples,), num_classes))
        self.register_buffer("ratio", torch.zeros(num_classes, dtype=torch.float64))

    @torch.no_grad()
    def forward(self, logits: Tensor, places: Tensor) -> Tensor:
        """Returns the mask by the state so far, then remembers; arguments as `Everything`."""
        confidence, classes = upcast(logits).softmax(dim=1).max(dim=1)
        ratio = self.ratio[classes]
        mask = confidence >= self.cutoff * ratio / (2 - ratio)
        sure = confidence >= self.cutoff
        self.slots[places[sure]] = classes[sure]
        counts = torch.bincount(self.slots, minlength=len(self.ratio) + 1)
        largest = (counts if self.warm_up else counts[:-1]).max()
        # Before any sample is sure nothing is divided by: the ratio stays 0.
        self.ratio.copy_(counts[:-1].double() / largest.clamp(min=1))
        return mask


class AdaptiveThresholds(nn.Module):
    """Thresholds that follow the model's confidence, overall and by class (FreeMatch).

    All running values start at 1, as in the code, so that early masks are almost empty.

    Args:
        num_classes: Heads.
        momentum: Momentum of the running values.
        quantile: Quantile of the batch's confidences.
    """

    overall: Tensor
    by_class: Tensor
    histogram: Tensor

    def __init__(self, num_classes: int, momentum: float, quantile: float) -> None:
        super().__init__()
        self.momentum, self.quantile = momentum, quantile
        self.register_buffer("overall", torch.ones((), dtype=torch.float64))
        for name in ("by_class", "histogram"):
            self.register_buffer(name, torch.ones(num_classes, dtype=torch.float64))

    @torch.no_grad()
    def forward(self, logits: Tensor, places: Tensor) -> Tensor:
        """Updates the running values, then returns the mask; arguments as `Everything`."""
        probs = upcast(logits).softmax(dim=1).double()
        confidence, classes = probs.max(dim=1)
        shares = torch.bincount(classes, minlength=probs.shape[1]).double() / len(probs)
        self._follow(self.overall, torch.quantile(confidence, self.quantile))
        self._follow(self.by_class, probs.mean(dim=0))
        self._follow(self.histogram, shares)
        level = self.by_class[classes] / self.by_class.max()
        return confidence >= self.overall * level

    def _follow(self, running: Tensor, value: Tensor) -> None:
        running.mul_(self.momentum).add_(value.to(running), alpha=1 - self.momentum)


def build_rule(
    name: str, num_classes: int, num_samples: int, cutoff: float, momentum: float
) -> nn.Module:
    """Returns the rule ``name``: hard, fix, flex, flex-no-warm-up or free."""
    if name == "hard":
        return Everything()
    if name == "fix":
        return FixedThreshold(cutoff)
    if name == "free":
        return AdaptiveThresholds(num_classes, momentum, FREE_QUANTILE)
    return ClassThresholds(cutoff, num_classes, num_samples, warm_up=name == "flex")


FREE_QUANTILE = 0.8
