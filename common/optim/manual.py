"""A step of optimization that a module takes itself."""

from typing import Any

from lightning import LightningModule
from torch import Tensor


def descend(module: LightningModule, loss: Tensor, optimizer: Any) -> Tensor:
    """Takes one step of ``optimizer`` on ``loss``, under a trainer or without one.

    Args:
        module: All its gradients are cleared before, not this optimizer's only: the backward pass
            of another part may have left some.
        loss: A scalar with its graph.
        optimizer: Optimizer of a part of ``module``, or of all.

    Returns:
        The loss without its graph.
    """
    module.zero_grad()
    if module._trainer is None:
        loss.backward()
    else:
        module.manual_backward(loss)
    optimizer.step()
    return loss.detach()
