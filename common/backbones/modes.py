"""Modes of a network for a while; what was before comes back, after an exception too."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Puts ``module`` in evaluation mode and back."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


@contextmanager
def training(module: nn.Module) -> Iterator[None]:
    """Puts ``module`` in training mode, with dropout and batch statistics, and back."""
    was_training = module.training
    module.train()
    try:
        yield
    finally:
        module.train(was_training)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Keeps ``module``, all of which learns, from getting gradients, which still pass through."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
