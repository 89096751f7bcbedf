"""SGD whose step is scaled per layer by the ratio of weight norm to gradient norm: LARC, LARS."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class LARC(Optimizer):
    """Layer-wise rate control over SGD with momentum, as SwAV trains (NVIDIA apex's rule).

    The ratio is Eq. 6 of You et al. (arXiv 1708.03888), and what lightly and timm call LARS.

    For a parameter p with gradient g, both of non-zero norm:
    ``ratio = trust_coefficient |p| / (|g| + weight_decay |p| + eps)``, with ``clip``
    ``ratio = min(ratio / lr, 1)``; then SGD on ``(g + weight_decay p) ratio``. Where either norm
    is zero the step is plain SGD, without decay. A parameter without gradient is not touched and
    its momentum does not advance. A group with ``adapt=False`` (biases and norms, if excluded)
    takes plain SGD with the group's own weight decay.

    Works on each process's (already averaged) gradients; nothing is communicated.

    Args:
        parameters: Tensors or groups.
        lr: Learning rate.
        momentum: Not dampened; the first step sets the buffer to the gradient.
        nesterov: Look ahead along the momentum.
        weight_decay: L2 coefficient, inside the ratio.
        trust_coefficient: The ratio's factor.
        clip: Never step further than ``lr`` times the gradient.
        eps: Added to the ratio's denominator.
    """

    # Whether the ratio is to the norm of the decayed gradient, not to the sum of both norms.
    norm_of_sum = False

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        clip: bool = False,
        eps: float = 1e-8,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "trust_coefficient": trust_coefficient,
            "clip": clip,
            "eps": eps,
            "adapt": True,
        }
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes one step; returns what ``closure`` returns, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            if weights:
                gradients = [p.grad for p in weights]
                directions = self._directions(weights, gradients, group)
                self._descend(weights, directions, group)
        return loss

    def _directions(
        self, weights: list[Tensor], gradients: list[Tensor], group: dict[str, Any]
    ) -> list[Tensor]:
        """Returns the decayed and rescaled gradients; stays on the device throughout."""
        decay = group["weight_decay"]
        if not group["adapt"]:
            return list(torch._foreach_add(gradients, weights, alpha=decay))
        weight_norms = torch.stack(torch._foreach_norm(weights))
        if self.norm_of_sum:
            sums = torch._foreach_add(gradients, weights, alpha=decay)
            denominator = norms = torch.stack(torch._foreach_norm(sums))
        else:
            norms = torch.stack(torch._foreach_norm(gradients))
            denominator = norms + decay * weight_norms
        usable = (weight_norms > 0) & (norms > 0)
        ratio = group["trust_coefficient"] * weight_norms / (denominator + group["eps"])
        if group["clip"]:
            ratio = (ratio / group["lr"]).clamp(max=1)
        ratio = torch.where(usable, ratio, torch.ones_like(ratio))
        decays = usable.to(ratio.dtype) * decay
        decayed = torch._foreach_mul(weights, list(decays.unbind()))
        torch._foreach_add_(decayed, gradients)
        torch._foreach_mul_(decayed, list(ratio.unbind()))
        return list(decayed)

    def _descend(
        self, weights: list[Tensor], directions: list[Tensor], group: dict[str, Any]
    ) -> None:
        momentum = group["momentum"]
        if momentum:
            steps = []
            for weight, direction in zip(weights, directions, strict=True):
                state = self.state[weight]
                if "momentum_buffer" in state:
                    state["momentum_buffer"].mul_(momentum).add_(direction)
                else:
                    state["momentum_buffer"] = direction.clone()
                steps.append(state["momentum_buffer"])
            if group["nesterov"]:
                directions = list(torch._foreach_add(directions, steps, alpha=momentum))
            else:
                directions = steps
        torch._foreach_add_(weights, directions, alpha=-group["lr"])


class LARS(LARC):
    """LARS with the ratio of SimCLR's code, which is to the norm of the decayed gradient.

    ``ratio = trust_coefficient |p| / (|g + weight_decay p| + eps)``. A weight whose gradient is
    zero, as in a residual branch that starts at zero, decays with this ratio all the same. All
    else is as in `LARC`, whose ratio is that of You et al. The rate multiplies the momentum, as
    in torch and PixPro's code; in SimCLR's it is inside, which differs while the rate changes.
    """

    norm_of_sum = True
